package main

import (
	"io"
	"os"
	"sync"

	"github.com/spillway/spillway/internal/fault"
)

// logPrinter copies a task's log to a writer while it grows. It is the observer of a session's task.
type logPrinter struct {
	file string
	out  io.Writer
	grew chan struct{} // one waiting note is enough
	done sync.WaitGroup

	at  int64
	err error
}

func newLogPrinter(file string, out io.Writer) *logPrinter {
	p := &logPrinter{file: file, out: out, grew: make(chan struct{}, 1)}
	p.done.Go(func() {
		for range p.grew {
			p.copy()
		}
	})
	return p
}

// Started does nothing: the log says it.
func (p *logPrinter) Started() {}

// Progress does nothing: the log says it.
func (p *logPrinter) Progress(float64, string) {}

// LogGrew wakes the copying.
func (p *logPrinter) LogGrew(int64) {
	select {
	case p.grew <- struct{}{}:
	default:
	}
}

// finish prints the rest. LogGrew must not be called any more.
func (p *logPrinter) finish() error {
	close(p.grew)
	p.done.Wait()
	p.copy()
	return fault.Wrap(fault.Internal, p.err, "print the task's log")
}

func (p *logPrinter) copy() {
	if p.err != nil {
		return
	}
	f, err := os.Open(p.file)
	if err != nil {
		if !os.IsNotExist(err) {
			p.err = err
		}
		return
	}
	defer f.Close()
	if _, p.err = f.Seek(p.at, io.SeekStart); p.err != nil {
		return
	}
	var n int64
	n, p.err = io.Copy(p.out, f)
	p.at += n
}
