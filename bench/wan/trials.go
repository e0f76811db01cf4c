package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// trial is one thing that is measured.
type trial struct {
	key string
	run func(context.Context, *place) error
}

func trials() []trial {
	return []trial{
		{"read", coldRead}, {"files", coldFiles}, {"prime", prime}, {"write", writeThrough}, {"back", writeBack},
		{"create", create}, {"clients", manyClients}, {"list", list}, {"disturb", disturbed}, {"stream", streamPast},
	}
}

const (
	plain    = 20 << 30 // bytes of a cache that everything fits into
	writeOut = 1 << 30  // bytes of the file that is written
)

// transfer lets clients do a task over the link and prints what came of it.
func (p *place) transfer(ctx context.Context, what string, back bool, t *task) error {
	link, err := p.link(ctx, back)
	if err != nil {
		return err
	}
	before, err := p.traffic(ctx)
	if err != nil {
		return err
	}
	r, err := p.client(ctx, t)
	if err != nil {
		return err
	}
	after, err := p.traffic(ctx)
	if err != nil {
		return err
	}
	row(what, r.figure(before, after), link, r.rate()/link)
	return nil
}

func coldRead(ctx context.Context, p *place) error {
	name, err := p.large(p.size)
	if err == nil {
		err = p.freshCache(ctx, plain, "")
	}
	if err != nil {
		return err
	}
	return p.transfer(ctx, "one cold file of "+gib(p.size)+", read in order", false, &task{do: "stream", name: name})
}

func coldFiles(ctx context.Context, p *place) error {
	name, err := p.tree("small", p.small, smallSize)
	if err == nil {
		err = p.freshCache(ctx, plain, "")
	}
	if err != nil {
		return err
	}
	return p.transfer(ctx, fmt.Sprintf("%d cold files of 16 KiB, 512 at a time", p.small), false, &task{do: "tree", name: name, workers: 512})
}

func manyClients(ctx context.Context, p *place) error {
	name, err := p.tree("shared", sharedFiles, sharedSize)
	if err == nil {
		err = p.freshCache(ctx, plain, "")
	}
	if err != nil {
		return err
	}
	return p.transfer(ctx, fmt.Sprintf("%d clients cold on one tree at once", p.clients), false, &task{do: "tree", name: name, clients: p.clients, workers: 8})
}

// prime runs a priming job as people do.
func prime(ctx context.Context, p *place) error {
	name, err := p.tree("small", p.small, smallSize)
	if err == nil {
		err = p.freshCache(ctx, plain, "")
	}
	if err != nil {
		return err
	}
	link, err := p.link(ctx, false)
	if err != nil {
		return err
	}
	manifest := filepath.Join(p.cache.dir, "manifest.json")
	text, _ := json.Marshal(map[string]any{"directories": []map[string]string{{"path": "/nas/" + name}}})
	if err := os.WriteFile(manifest, text, 0o600); err != nil {
		return err
	}
	before, err := p.traffic(ctx)
	if err != nil {
		return err
	}
	begin := time.Now()
	cmd := exec.CommandContext(ctx, p.binary, "filer", "prime", "start", "bench", manifest, "--cache-dir", p.cache.dir)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	r := &result{Took: time.Since(begin), Files: p.small, Unique: int64(p.small) * smallSize}
	t, err := p.traffic(ctx)
	if err != nil {
		return err
	}
	if t.read < r.Unique {
		return fmt.Errorf("only %d of %d bytes were loaded", t.read, r.Unique)
	}
	row(fmt.Sprintf("priming %d files of 16 KiB", p.small), r.figure(before, t), link, r.rate()/link)
	return nil
}

func writeThrough(ctx context.Context, p *place) error {
	dir, err := p.fresh("written")
	if err == nil {
		err = p.freshCache(ctx, plain, "")
	}
	if err != nil {
		return err
	}
	return p.transfer(ctx, "write of "+gib(writeOut)+" and COMMIT, written through", true, &task{do: "write", name: dir + "/new", size: writeOut})
}

// writeBack measures how fast what was acknowledged reaches the NAS, once it is asked to.
func writeBack(ctx context.Context, p *place) error {
	dir, err := p.fresh("written")
	if err == nil {
		err = p.freshCache(ctx, plain, ", usageModel: READ_WRITE")
	}
	if err != nil {
		return err
	}
	before, err := p.traffic(ctx)
	if err != nil {
		return err
	}
	r, err := p.client(ctx, &task{do: "write", name: dir + "/new", size: writeOut})
	if err != nil {
		return err
	}
	after, err := p.traffic(ctx)
	if err != nil {
		return err
	}
	row("write of "+gib(writeOut)+" and COMMIT, to be written back", r.figure(before, after), 0, 0)
	return p.transfer(ctx, "its flush", true, &task{do: "flush", name: dir + "/new", size: writeOut})
}

// create makes files, written through, with 128 calls in flight from eight clients.
func create(ctx context.Context, p *place) error {
	dir, err := p.fresh("made")
	if err == nil {
		err = p.freshCache(ctx, plain, "")
	}
	if err != nil {
		return err
	}
	if _, err := p.client(ctx, &task{do: "list", name: dir}); err != nil { // names and connections are known
		return err
	}
	before, err := p.traffic(ctx)
	if err != nil {
		return err
	}
	r, err := p.client(ctx, &task{do: "create", name: dir, clients: 8, workers: 16, length: 10 * time.Second})
	if err != nil {
		return err
	}
	after, err := p.traffic(ctx)
	if err != nil {
		return err
	}
	calls := int64(0)
	for op, n := range after.calls {
		calls += n - before.calls[op]
	}
	row("CREATE in one folder, written through, 8 clients × 16 in flight",
		fmt.Sprintf("%.0f/s; %.3f calls to the origin each", float64(r.Files)/r.Took.Seconds(), float64(calls)/float64(r.Files)), 0, 0)
	return nil
}

// list lists a large folder, cold and warm.
func list(ctx context.Context, p *place) error {
	name, err := p.names(p.entries)
	if err == nil {
		err = p.freshCache(ctx, plain, "")
	}
	if err != nil {
		return err
	}
	for _, run := range []string{"cold", "warm"} {
		r, err := p.client(ctx, &task{do: "list", name: name})
		if err != nil {
			return err
		}
		if r.Files < p.entries {
			return fmt.Errorf("%d of %d entries", r.Files, p.entries)
		}
		row(fmt.Sprintf("READDIRPLUS of %d entries, %s", p.entries, run),
			fmt.Sprintf("%.2f s; first page after %d ms", r.Took.Seconds(), r.First.Milliseconds()), 0, 0)
	}
	return nil
}
