package posix

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Several writers of one machine append records: none is lost or torn.
func TestAppend(t *testing.T) {
	path := filepath.Join(scratch(t), "log")
	const writers, records = 4, 60
	var group sync.WaitGroup
	errs := make(chan error, writers)
	for w := range writers {
		group.Go(func() {
			f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
			if err != nil {
				errs <- err
				return
			}
			for i := range records {
				if _, err := fmt.Fprintf(f, "writer %d record %03d of some length\n", w, i); err != nil {
					errs <- err
				}
			}
			if err := f.Close(); err != nil {
				errs <- err
			}
		})
	}
	group.Wait()
	close(errs)
	for err := range errs {
		t.Fatal(err)
	}
	data := must(os.ReadFile(path))(t)
	for w := range writers {
		for i := range records {
			if line := fmt.Sprintf("writer %d record %03d of some length\n", w, i); bytes.Count(data, []byte(line)) != 1 {
				t.Fatalf("%q is there %d times", line, bytes.Count(data, []byte(line)))
			}
		}
	}
	if lines := bytes.Count(data, []byte("\n")); lines != writers*records {
		t.Errorf("%d lines, want %d", lines, writers*records)
	}
}

// The position does not matter to a file opened for appending, and reading back works.
func TestAppendIgnoresPosition(t *testing.T) {
	path := filepath.Join(scratch(t), "log")
	write(t, path, []byte("0123456789"))
	f := open(t, path, os.O_APPEND|os.O_RDWR)
	must(f.Seek(3, 0))(t)
	must(f.Write([]byte("ab")))(t)
	check(t, f.Truncate(11))
	must(f.Write([]byte("c")))(t)
	same(t, "log", readAll(t, f), []byte("0123456789ac"))
}

// Two machines append in turn: whoever opens the file sees what the other has closed.
func TestAppendInTurn(t *testing.T) {
	path := filepath.Join(scratch(t), "log")
	peer := startPeer(t)
	var all []byte
	for i := range 10 {
		mine, theirs := fmt.Appendf(nil, "here %d\n", i), fmt.Appendf(nil, "there %d\n", i)
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		check(t, err)
		must(f.Write(mine))(t)
		check(t, f.Close())
		peer.do(t, request{Op: "append", Path: path, Data: theirs})
		all = append(append(all, mine...), theirs...)
	}
	holds(t, path, all)
}
