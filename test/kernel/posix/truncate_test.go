package posix

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestTruncate(t *testing.T) {
	path := filepath.Join(scratch(t), "file")
	data := noise(100_000, 6)
	write(t, path, data)
	f := open(t, path, os.O_RDWR)
	reader := open(t, path, os.O_RDONLY)
	must(reader.Seek(50_000, 0))(t)

	check(t, f.Truncate(60_001))
	part := make([]byte, 100_000)
	n, _ := reader.Read(part)
	same(t, "read up to the new end", part[:n], data[50_000:60_001])
	check(t, f.Truncate(10))
	if n, err := reader.Read(part); n != 0 {
		t.Errorf("read %d bytes beyond the end: %v", n, err)
	}
	check(t, f.Truncate(70_000))
	grown := append(data[:10:10], make([]byte, 70_000-10)...)
	same(t, "shrunk and grown again", readAll(t, reader), grown)
	holds(t, path, grown)

	must(f.WriteAt([]byte("end"), 80_000))(t)
	grown = append(append(grown, make([]byte, 10_000)...), "end"...)
	same(t, "written beyond the end", readAll(t, reader), grown)

	check(t, unix.Truncate(path, 5))
	holds(t, path, data[:5])
	check(t, unix.Truncate(path, 0))
	if s := stat(t, path); s.Size != 0 {
		t.Errorf("size %d after truncating to nothing", s.Size)
	}
	write(t, path, []byte("fresh")) // O_TRUNC
	holds(t, path, []byte("fresh"))

	want(t, "truncate a folder", unix.Truncate(filepath.Dir(path), 0), unix.EISDIR)
	want(t, "to less than nothing", unix.Ftruncate(int(f.Fd()), -1), unix.EINVAL)
	want(t, "a file opened for reading", unix.Ftruncate(int(reader.Fd()), 0), unix.EINVAL, unix.EBADF)
}

// A file is rewritten and cut again and again while another process of the machine reads it: each byte read is one that
// was written at that place, or a zero while the file grows.
func TestTruncateWhileReading(t *testing.T) {
	path := filepath.Join(scratch(t), "file")
	data := noise(200_000, 7)
	write(t, path, data)
	done := make(chan error, 1)
	go func() {
		defer close(done)
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			done <- err
			return
		}
		for i := range 40 {
			cut := int64(i * 4999)
			if err := f.Truncate(cut); err != nil {
				done <- err
			}
			if _, err := f.WriteAt(data[cut:], cut); err != nil {
				done <- err
			}
		}
		if err := f.Close(); err != nil {
			done <- err
		}
	}()
	reader := open(t, path, os.O_RDONLY)
	for {
		select {
		case err, more := <-done:
			if more {
				t.Fatal(err)
			}
			holds(t, path, data)
			return
		default:
		}
		for at, b := range readAll(t, reader) {
			if b != data[at] && b != 0 {
				t.Fatalf("byte %d is %d, and never was", at, b)
			}
		}
	}
}

// Another client cuts a file that is open here: who opens it next sees its new size and bytes.
func TestTruncateByPeer(t *testing.T) {
	path := filepath.Join(scratch(t), "file")
	peer := startPeer(t)
	data := noise(300_000, 8)
	write(t, path, data)
	holds(t, path, data)
	peer.do(t, request{Op: "truncate", Path: path, Size: 1234})
	holds(t, path, data[:1234])
	peer.do(t, request{Op: "truncate", Path: path, Size: 150_000})
	holds(t, path, append(data[:1234:1234], make([]byte, 150_000-1234)...))
	peer.do(t, request{Op: "write", Path: path, Data: bytes.Repeat([]byte("x"), 300_000)})
	holds(t, path, bytes.Repeat([]byte("x"), 300_000))
}
