// Package trace knows what package posix's long piece of work leaves behind, so that it can be checked elsewhere: through
// another client, or in the folder behind the server.
package trace

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// Journal is the file that is written to after each round.
const Journal = "journal"

// Entry is what the journal holds of a round.
func Entry(i int) []byte { return fmt.Appendf(nil, "round %06d done\n", i) }

// Folder is the folder of a round.
func Folder(i int) string { return fmt.Sprintf("round%d", i) }

// Names are the files of a round, by their paths.
func Names(i int) []string {
	return []string{Folder(i) + "/small", Folder(i) + "/frame.exr", Folder(i) + "/empty"}
}

// Data is what a file holds.
func Data(name string) []byte {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails
	size := int(h.Sum64() % 100_000)
	switch filepath.Base(name) {
	case "empty":
		size = 0
	case "frame.exr":
		size += 600_000
	}
	r := rand.NewChaCha8([32]byte([]byte(fmt.Sprintf("%032x", h.Sum64()))))
	data := make([]byte, size)
	_, _ = r.Read(data) // never fails
	return data
}

// Check compares a folder with what the rounds leave: nothing less, nothing more.
func Check(dir string, rounds int) error {
	var journal []byte
	expected := map[string]bool{Journal: true}
	for i := range rounds {
		journal = append(journal, Entry(i)...)
		expected[Folder(i)] = true
		for _, name := range Names(i) {
			expected[name] = true
			got, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				return err
			}
			if want := Data(name); !bytes.Equal(got, want) {
				return fmt.Errorf("%s has %d bytes, not the %d that were written", name, len(got), len(want))
			}
		}
	}
	got, err := os.ReadFile(filepath.Join(dir, Journal))
	if err != nil {
		return err
	}
	if !bytes.Equal(got, journal) {
		return fmt.Errorf("the journal has %d bytes, not the %d that were written", len(got), len(journal))
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err == nil && name != "." && !expected[name] {
			err = fmt.Errorf("%s is left, and should not be", name)
		}
		return err
	})
}
