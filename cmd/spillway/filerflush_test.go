package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spillway/spillway/internal/filer"
	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/nfstest"
)

// backFiler runs a filer that writes back, late, over a server of its own, and mounts it. It returns its cache directory.
func backFiler(t *testing.T) (dir string, fs *nfstest.FS, c *nfs.Client, root nfs.Handle) {
	t.Helper()
	fs = nfstest.New()
	up := nfstest.Start(t, fs)
	dir = filepath.Join(t.TempDir(), "cache")
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan filer.Addresses, 1), make(chan error, 1)
	go func() {
		done <- filer.Run(ctx, filer.File{
			Listen: "127.0.0.1:0", CacheDir: dir, Locks: "off",
			Exports: []filer.ExportFile{{Path: "/nas", Origin: "nfs:" + up.Addr + "/", UsageModel: "READ_WRITE"}},
		}, "test", slog.New(slog.DiscardHandler), func(a filer.Addresses) { ready <- a }, nil)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the filer: %v", err)
		}
	})
	var at filer.Addresses
	select {
	case at = <-ready:
	case err := <-done:
		done <- nil
		t.Fatal(err)
	}
	c, err := nfs.Dial(t.Context(), at.Listen, nfs.Options{Auth: nfs.Sys("test", 1000, 1000)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	m, err := c.Mnt(t.Context(), nil, "/nas")
	if err != nil {
		t.Fatal(err)
	}
	return dir, fs, c, m.Root
}

func TestFlushOfASubtree(t *testing.T) {
	dir, _, c, root := backFiler(t)
	ctx := t.Context()
	for _, folder := range []string{"shots", "shots2"} {
		d, err := c.Mkdir(ctx, nil, nfs.MkdirArgs{Dir: root, Name: folder})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"a.exr", "b.exr"} {
			f, err := c.Create(ctx, nil, nfs.CreateArgs{Dir: d.Object.Handle, Name: name})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Write(ctx, nil, nfs.WriteArgs{File: f.Object.Handle, Data: []byte("pixels"), Stable: nfs.FileSync}); err != nil {
				t.Fatal(err)
			}
		}
	}
	flush := func(path string, asJSON bool) string {
		t.Helper()
		var out bytes.Buffer
		cmd := FilerFlushCmd{localFiler{CacheDir: dir}, path}
		if err := cmd.Run(ctx, &Globals{Out: &out, Err: &out, JSON: asJSON}); err != nil {
			t.Fatalf("flush %s: %v", path, err)
		}
		return out.String()
	}
	dirty := func() (paths []string) {
		all, err := unlanded(ctx, dir, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range all.Files {
			paths = append(paths, u.Path)
		}
		return paths
	}
	if got := dirty(); len(got) != 4 {
		t.Fatalf("dirty before: %v", got)
	}
	if got := flush("/nas/shots/a.exr", false); !strings.Contains(got, "1 of 1 files landed, 6B") {
		t.Errorf("one file: %q", got)
	}
	if got := flush("/nas/shots", false); !strings.Contains(got, "1 of 1 files landed") {
		t.Errorf("a folder: %q", got)
	}
	for _, p := range dirty() {
		if !strings.HasPrefix(p, "/nas/shots2/") {
			t.Errorf("%s has not landed", p)
		}
	}
	var res flushJSON
	if err := json.Unmarshal([]byte(flush("/nas", true)), &res); err != nil || res.Landed != 2 || res.Bytes != 12 || len(res.Failed) != 0 {
		t.Errorf("an export: %+v, %v", res, err)
	}
	if got := dirty(); len(got) != 0 {
		t.Errorf("dirty after: %v", got)
	}
	if got := flush("/", false); !strings.Contains(got, "0 of 0 files landed") {
		t.Errorf("nothing: %q", got)
	}
}

func TestFlushSaysWhatIsWrong(t *testing.T) {
	dir, _, _, _ := backFiler(t)
	for path, want := range map[string]string{"nas": "no path of the filer's namespace"} {
		cmd := FilerFlushCmd{localFiler{CacheDir: dir}, path}
		if err := cmd.Run(t.Context(), &Globals{Out: new(bytes.Buffer)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	cmd := FilerFlushCmd{localFiler{CacheDir: filepath.Dir(dir)}, "/"}
	if err := cmd.Run(t.Context(), &Globals{Out: new(bytes.Buffer)}); err == nil || !strings.Contains(err.Error(), "no filer answers") {
		t.Errorf("no filer: %v", err)
	}
}
