package test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each decoder on the path of data is fuzzed, and what fuzzing has found is committed, so that every run tries it.
func TestFuzzTargetsHaveCorpora(t *testing.T) {
	target := regexp.MustCompile(`(?m)^func (Fuzz[A-Z]\w*)\(`)
	found := 0
	for _, root := range []string{"../nfs", "../internal/filer", "../internal/origin", "../internal/mount"} {
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, m := range target.FindAllSubmatch(text, -1) {
				found++
				corpus := filepath.Join(filepath.Dir(path), "testdata/fuzz", string(m[1]))
				if entries, err := os.ReadDir(corpus); err != nil || len(entries) == 0 {
					t.Errorf("%s has no corpus in %s: run it for a while (go test -fuzz) and keep some of what it finds", m[1], corpus)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 15 {
		t.Errorf("only %d fuzz targets were found", found)
	}
}
