package posix

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// servePeer is the other client's program. It says where it listens.
func servePeer(at, _ string) error {
	listener, err := net.Listen("tcp", at)
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			held := locks{}
			defer held.drop()
			requests, answers := json.NewDecoder(conn), json.NewEncoder(conn)
			for {
				var r request
				if requests.Decode(&r) != nil || answers.Encode(held.perform(r)) != nil {
					return
				}
			}
		}()
	}
}

// locks are the files that a connection holds locks of.
type locks map[string]*os.File

func (l locks) drop() {
	for path, f := range l {
		f.Close()
		delete(l, path)
	}
}

// file returns the one description of a file through which it is locked: closing any other would drop the locks.
func (l locks) file(path string) (*os.File, error) {
	if f := l[path]; f != nil {
		return f, nil
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err == nil {
		l[path] = f
	}
	return f, err
}

func (l locks) perform(r request) answer {
	var a answer
	err := l.operate(r, &a)
	if err != nil && !errors.As(err, &a.Errno) {
		a.Error = err.Error()
	}
	return a
}

func (l locks) operate(r request, a *answer) (err error) {
	switch r.Op {
	case "grab":
		a.Won, err = grab(r.Path, r.Count, r.Data)
	case "append":
		err = writeWith(r.Path, os.O_APPEND, r.Data, -1)
	case "write":
		err = os.WriteFile(r.Path, r.Data, 0o644)
	case "write at":
		err = writeWith(r.Path, 0, r.Data, r.Size)
	case "read":
		a.Data, err = os.ReadFile(r.Path)
	case "read at":
		a.Data, err = readAt(r.Path, r.Size, r.Count)
	case "truncate":
		err = unix.Truncate(r.Path, r.Size)
	case "stat":
		var s unix.Stat_t
		err = unix.Lstat(r.Path, &s)
		a.Size = s.Size
	case "count":
		var entries []os.DirEntry
		entries, err = os.ReadDir(r.Path)
		a.Size = int64(len(entries))
	case "remove":
		err = unix.Unlink(r.Path)
	case "churn":
		err = churn(r.Path, r.Count)
	case "count up":
		err = countUp(r.Path, r.Count)
	default:
		err = l.lock(r)
	}
	return err
}

func (l locks) lock(r request) error {
	f, err := l.file(r.Path)
	if err != nil {
		return err
	}
	switch r.Op {
	case "lock":
		return setLock(f, r.Kind, r.Size, int64(r.Count))
	case "lock and wait":
		return unix.FcntlFlock(f.Fd(), unix.F_SETLKW, &unix.Flock_t{Type: r.Kind, Start: r.Size, Len: int64(r.Count)})
	case "flock":
		return unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	case "unlock all":
		l.drop()
		return nil
	}
	return fmt.Errorf("there is no operation %q", r.Op)
}

func writeWith(path string, flags int, data []byte, at int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|flags, 0)
	if err != nil {
		return err
	}
	if at >= 0 {
		_, err = f.WriteAt(data, at)
	} else {
		_, err = f.Write(data)
	}
	return errors.Join(err, f.Close())
}

func readAt(path string, at int64, n int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data := make([]byte, n)
	_, err = io.ReadFull(io.NewSectionReader(f, at, int64(n)), data)
	return data, err
}

// churn makes, renames and removes names.
func churn(dir string, rounds int) error {
	for i := range rounds {
		path := filepath.Join(dir, fmt.Sprintf("churn%d", i))
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			return err
		}
		if err := os.Rename(path, path+".moved"); err != nil {
			return err
		}
		if i%2 == 0 {
			if err := os.Remove(path + ".moved"); err != nil {
				return err
			}
		}
	}
	return nil
}

// countUp adds one to the number in a file, again and again, each time under a lock.
func countUp(path string, rounds int) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	lock := func(kind int16) error {
		err := syscall.EINTR
		for errors.Is(err, syscall.EINTR) {
			if err := unix.FcntlFlock(f.Fd(), unix.F_SETLKW, &unix.Flock_t{Type: kind}); !errors.Is(err, syscall.EINTR) {
				return err
			}
		}
		return nil
	}
	for range rounds {
		if err := lock(unix.F_WRLCK); err != nil {
			return err
		}
		text := make([]byte, 20)
		n, err := f.ReadAt(text, 0)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		number, err := strconv.Atoi(string(bytes.TrimRight(text[:n], "\x00")))
		if err != nil {
			return err
		}
		if _, err := f.WriteAt(strconv.AppendInt(nil, int64(number+1), 10), 0); err != nil {
			return err
		}
		if err := lock(unix.F_UNLCK); err != nil {
			return err
		}
	}
	return nil
}
