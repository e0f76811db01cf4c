package test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/spillway/spillway/nfs"
)

// A thousand files are made at the far end of a long link, where names are written back. None of them waits for the link;
// when somebody lists the folder, they cross it side by side, and the studio's folder has them all.
func TestThousandFilesOverTheLink(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	writeFile(t, filepath.Join(f.nas, "out", "old"), "")
	edge := freeAddress()
	f.startFiler("edge", edge, "posix:"+f.nas)
	link := start(t, f.env, "wan", "--rtt", "100ms", "--relay", "127.0.0.1:0="+edge+",edge")
	relays, ok := link.ready["relays"].(map[string]any)
	if !ok {
		t.Fatalf("ready: %v", link.ready)
	}
	cloud := freeAddress()
	cache := filepath.Join(f.dir, "cloud")
	conf := f.write("cloud.yaml", fmt.Sprintf(
		"name: cloud\nlisten: %s\ncacheDir: %s\nexports:\n  - {path: /nas, origin: \"nfs:%s/nas\", usageModel: READ_WRITE, localDirectories: true}\n",
		cloud, cache, relays["edge"]))
	filer := start(t, f.env, "filer", "--config", conf)

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dial := func() *nfs.Client {
		c, err := nfs.Dial(ctx, cloud, nfs.Options{Auth: nfs.Sys("node", uint32(os.Getuid()), uint32(os.Getgid()))})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	c := dial()
	root, err := c.Mnt(ctx, nil, "/nas")
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.Lookup(ctx, nil, nfs.LookupArgs{Dir: root.Root, Name: "out"})
	if err != nil {
		t.Fatal(err)
	}
	create := func(name string) (nfs.Handle, error) {
		r, err := c.Create(ctx, nil, nfs.CreateArgs{Dir: out.Object, Name: name, How: nfs.Guarded, Attr: nfs.SetAttr{Mode: nfs.Set32(0o640)}})
		return r.Object.Handle, err
	}
	if _, err := create("first"); err != nil { // this one goes through: whom does the storage take us for?
		t.Fatal(err)
	}

	const files = 1000
	began := time.Now()
	var g errgroup.Group
	g.SetLimit(16)
	for i := range files {
		g.Go(func() error {
			h, err := create(fmt.Sprintf("frame.%04d.exr", i))
			if err == nil && i%250 == 0 {
				_, err = c.Write(ctx, nil, nfs.WriteArgs{File: h, Data: fmt.Appendf(nil, "frame %d", i), Stable: nfs.FileSync})
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	made := time.Since(began)
	here := func() int {
		all, err := os.ReadDir(filepath.Join(f.nas, "out"))
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	if n := here(); n != 2 {
		t.Fatalf("the studio has %d files before anybody asked for them", n)
	}
	filer.kill() // all of them were promised
	start(t, f.env, "filer", "--config", conf)
	c = dial()
	began = time.Now()
	listed := map[string]bool{}
	for at, eof := nfs.Cookie(0), false; !eof; {
		r, err := c.Readdir(ctx, nil, nfs.ReaddirArgs{Dir: out.Object, Cookie: at, Count: 32 << 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range r.Entries {
			if at = e.Cookie; listed[e.Name] {
				t.Errorf("%s is listed twice", e.Name)
			}
			listed[e.Name] = true
		}
		eof = r.EOF
	}
	landed := time.Since(began)
	if len(listed) != files+4 { // with ".", "..", and the two others
		t.Errorf("%d names are listed", len(listed))
	}
	if n := here(); n != files+2 {
		t.Errorf("the studio has %d files", n)
	}
	t.Logf("%d files made in %v, landed in %v (%.0f/s)", files, made, landed, files/landed.Seconds())

	if _, stderr, exit := spillwayOutput(t, patience, f.env, "filer", "dirty", "retry", "--all", "--cache-dir", cache); exit != 0 {
		t.Fatalf("retry: %s", stderr)
	}
	for i := 0; i < files; i += 250 {
		name := filepath.Join(f.nas, "out", fmt.Sprintf("frame.%04d.exr", i))
		if got := readFile(t, name); got != fmt.Sprintf("frame %d", i) {
			t.Errorf("%s: %q", name, got)
		}
		if st, err := os.Stat(name); err != nil || st.Mode().Perm() != 0o640 {
			t.Errorf("%s: %v, %v", name, st, err)
		}
	}
}
