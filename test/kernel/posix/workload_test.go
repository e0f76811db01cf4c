package posix

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/test/kernel/posix/trace"
)

// A long piece of work that whoever runs it may disturb: the server dies and comes back under it, and a client with a hard
// mount must not notice. It leaves what package trace describes. It says aloud where it is, so that it can be disturbed
// there: SPILLWAY_POSIX_ROUNDS is how long it is.
func TestWork(t *testing.T) {
	rounds, err := strconv.Atoi(os.Getenv("SPILLWAY_POSIX_ROUNDS"))
	dir := os.Getenv("SPILLWAY_POSIX_DIR")
	if err != nil {
		rounds, dir = 4, t.TempDir()
	}
	check(t, os.WriteFile(filepath.Join(dir, trace.Journal), nil, 0o644))
	journal := open(t, filepath.Join(dir, trace.Journal), os.O_RDWR)
	handles := map[string]*os.File{} // files that stay open over all rounds, the removed ones too
	for i := range rounds {
		check(t, round(dir, i, handles))
		must(journal.WriteAt(trace.Entry(i), int64(i*len(trace.Entry(i)))))(t)
		check(t, journal.Sync())
	}
	for name, f := range handles {
		same(t, name+", open all the time", readAll(t, f), trace.Data(name))
		check(t, f.Close())
	}
	check(t, trace.Check(dir, rounds))
}

// round makes the files of a round: by way of temporary names, links and folders, each file as others do.
func round(dir string, i int, handles map[string]*os.File) error {
	folder := filepath.Join(dir, trace.Folder(i))
	if err := replayed(os.Mkdir(folder, 0o755), unix.EEXIST); err != nil {
		return err
	}
	for _, name := range trace.Names(i) {
		step(i, name)
		path := filepath.Join(dir, name)
		// Exclusively: the verifier tells a repeated call from somebody else's file, also after a restart (RFC 1813
		// §3.3.8), so a name that is taken is an error here.
		f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
		if err != nil {
			return err
		}
		if err := writeInPieces(f, trace.Data(name)); err != nil {
			return err
		}
		if err := replayed(os.Rename(path+".tmp", path), unix.ENOENT); err != nil {
			return err
		}
		handles[name] = f
	}
	step(i, "gone")
	gone := filepath.Join(dir, trace.Folder(i), "gone")
	f, err := os.OpenFile(gone, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	handles["gone"+strconv.Itoa(i)] = f
	if err := writeInPieces(f, trace.Data("gone"+strconv.Itoa(i))); err != nil {
		return err
	}
	return replayed(os.Remove(gone), unix.ENOENT)
}

// step says where the work is.
func step(round int, what string) { fmt.Printf("step %d %s\n", round, what) }

// writeInPieces writes as a renderer does, and syncs.
func writeInPieces(f *os.File, data []byte) error {
	const piece = 4096
	for at := 0; at < len(data); at += piece {
		if _, err := f.Write(data[at:min(at+piece, len(data))]); err != nil {
			return err
		}
	}
	return f.Sync()
}

// replayed forgives the error that a call has which was done already and whose reply was lost with the server: NFSv3 has
// no sessions, and a server that keeps its replies in memory alone cannot know better.
func replayed(err, done error) error {
	if errors.Is(err, done) {
		return nil
	}
	return err
}
