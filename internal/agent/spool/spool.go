// Package spool keeps the output of one attempt on the node's own disk until the server has stored it.
//
// A log is a file that only grows, so that it can be uploaded by offset while it is written. Its size is capped: the
// first half of the cap is written through; of what follows, the last half of the cap is kept aside and is appended when
// the log is closed, after a line that says how much is missing. People look at the start and the end of a log.
package spool

import (
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/spillway/spillway/internal/fault"
)

// DefaultCap is how large a log may get, in bytes.
const DefaultCap = 64 << 20

// minCap leaves room for the line that says what is missing.
const minCap = 4 << 10

// Log is one attempt's log while it is written. It is safe for concurrent use.
type Log struct {
	path string
	half int64

	// mu guards what follows.
	mu     sync.Mutex
	file   *os.File
	size   int64
	tail   *ring // nil until the first half is full
	failed error
}

// Create makes the file, or empties it. limit is the cap in bytes; 0 means DefaultCap.
func Create(path string, limit int64) (*Log, error) {
	if limit <= 0 {
		limit = DefaultCap
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, classify(err)
	}
	return &Log{path: path, half: max(limit, minCap) / 2, file: f}, nil
}

// Write appends to the log. After an error (fault.Exhausted if the disk is full) the log takes nothing more.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil {
		return 0, l.failed
	}
	head := min(int64(len(p)), l.half-l.size)
	if l.tail != nil {
		head = 0
	}
	if head > 0 {
		n, err := l.file.Write(p[:head])
		l.size += int64(n)
		if err != nil {
			return n, l.fail(err)
		}
	}
	if head == int64(len(p)) {
		return len(p), nil
	}
	if l.tail == nil {
		tail, err := newRing(l.path+".tail", l.half)
		if err != nil {
			return int(head), l.fail(err)
		}
		l.tail = tail
	}
	if err := l.tail.write(p[head:]); err != nil {
		return int(head), l.fail(err)
	}
	return len(p), nil
}

func (l *Log) fail(err error) error {
	l.failed = classify(err)
	return l.failed
}

// Size returns how many bytes of the file are final and may be read.
func (l *Log) Size() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.size
}

// Close appends what was kept aside and closes the file. It may be called again.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	err := l.appendTail()
	if closeErr := l.file.Close(); err == nil {
		err = closeErr
	}
	l.file = nil
	if l.failed == nil {
		l.failed = fault.New(fault.Conflict, "the log is closed")
	}
	return classify(err)
}

func (l *Log) appendTail() error {
	if l.tail == nil {
		return nil
	}
	defer l.tail.remove()
	if missing := l.tail.missing(); missing > 0 {
		n, err := fmt.Fprintf(l.file, "\n[spillway] %d bytes of output left out here\n", missing)
		l.size += int64(n)
		if err != nil {
			return err
		}
	}
	n, err := io.Copy(l.file, l.tail.reader())
	l.size += n
	return err
}
