package filer

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/origin"
)

// crowd is an origin that lists no folder but its root before so many others are asked for at once.
type crowd struct {
	origin.Origin
	size int

	mu   sync.Mutex
	root bool // has been listed
	came int
	all  chan struct{}
}

func (c *crowd) Unwrap() origin.Origin { return c.Origin }

func (c *crowd) ReadDir(ctx context.Context, as origin.Cred, dir origin.ID, at origin.Cookie, plus bool) (origin.Page, error) {
	c.mu.Lock()
	first := !c.root
	c.root = true
	if !first {
		if c.came++; c.came == c.size {
			close(c.all)
		}
	}
	c.mu.Unlock()
	if !first {
		select {
		case <-c.all:
		case <-ctx.Done():
			return origin.Page{}, ctx.Err()
		}
	}
	return c.Origin.ReadDir(ctx, as, dir, at, plus)
}

func TestPrimingListsFoldersTogether(t *testing.T) {
	const folders = 16
	dir, o := folder(t)
	edge := start(t, Config{Exports: []Export{{Path: "/nas", Origin: o}}})
	for i := range folders {
		writeFile(t, filepath.Join(dir, fmt.Sprintf("d%d", i), "f"), noise(1000, uint64(i)))
	}
	far := &crowd{Origin: remote(t, edge.addr, "/nas"), size: folders, all: make(chan struct{})}
	cloud := start(t, Config{Exports: []Export{{Path: "/nas", Origin: far}}})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var last Primed
	err := cloud.Prime(ctx, []string{"/nas"}, false, func(p Primed) error { last = p; return nil })
	if err != nil || last.FilesDone != folders || last.Directories != folders+1 || len(last.Errors) > 0 {
		t.Errorf("%+v, %v", last, err)
	}
}
