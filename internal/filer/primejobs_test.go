package filer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// primed waits until a job is complete.
func (r *running) primed(name string) PrimeJob {
	r.t.Helper()
	return r.primeIn(name, primeComplete)
}

func (r *running) primeIn(name, state string) PrimeJob {
	r.t.Helper()
	for range 6000 {
		for _, j := range r.PrimeJobs() {
			if j.Name == name && j.State == state {
				return j
			}
		}
		waitABit(r.t)
	}
	r.t.Fatalf("job %s is not %s: %+v", name, state, r.PrimeJobs())
	return PrimeJob{}
}

// waitABit lets others work between two looks.
func waitABit(t *testing.T) {
	t.Helper()
	select {
	case <-time.After(10 * time.Millisecond):
	case <-t.Context().Done():
	}
}

// library is a caching filer over a folder with assets, and a second export hanging in it.
func library(t *testing.T) (cloud *running, dir string) {
	t.Helper()
	dir, o := folder(t)
	other, o2 := folder(t)
	for name, size := range map[string]int{
		"show/a.exr": 300_000, "show/b.exr": 10, "show/b.exr.bak": 1000, "show/notes.txt": 1000, "show/old/c.exr": 20,
		"show/cache/d.exr": 1000, "lib/wood.tx": 100_000, "lib/deep/stone.tx": 30,
	} {
		writeFile(t, filepath.Join(dir, name), noise(size, 3))
	}
	writeFile(t, filepath.Join(other, "sky.exr"), noise(40, 4))
	if err := errors.Join(os.Symlink("../lib/deep", filepath.Join(dir, "show", "deep.exr")), os.Symlink("/nas/show/deep.exr", filepath.Join(dir, "show", "loop.exr"))); err != nil {
		t.Fatal(err)
	}
	edge := start(t, Config{Exports: []Export{{Path: "/nas", Origin: o}, {Path: "/plates", Origin: o2}}})
	return start(t, Config{Exports: []Export{
		{Path: "/nas", Origin: remote(t, edge.addr, "/nas")}, {Path: "/nas/show/plates", Origin: remote(t, edge.addr, "/plates")},
	}}), dir
}

func TestPrimingByManifest(t *testing.T) {
	cloud, _ := library(t)
	run := func(name, manifest string) PrimeJob {
		t.Helper()
		if _, err := cloud.StartPriming(name, "test", []byte(manifest), 0); err != nil {
			t.Fatal(err)
		}
		return cloud.primed(name)
	}
	type result struct{ files, filesDone, bytes, bytesDone, fetched uint64 }
	check := func(job PrimeJob, want result, status string) {
		t.Helper()
		p := job.Progress
		if got := (result{p.FilesTotal, p.FilesDone, p.BytesTotal, p.BytesDone, p.BytesFetched}); got != want || job.Status != status || !p.Done {
			t.Errorf("%s: %+v, %q, %v; want %+v, %q", job.Name, got, job.Status, p.Errors, want, status)
		}
	}
	check(run("estimate", `{"config": {"cache_mode": "2"}, "directories": [{"path": "/nas"}]}`), result{9, 0, 403_100, 0, 0}, "done")
	if got := cloud.targets[0].traffic.primed.Load(); got != 0 {
		t.Errorf("an estimate fetched %d bytes", got)
	}
	// The directory's include lets in b.exr.bak whatever the global exclude says; "cache" is not entered; no link is followed.
	rules := `{"directories": [{"path": "/nas/show", "include": ["\\.exr"]}], "exclude": ["\\.bak$", "^cache$"]}`
	check(run("rules", rules), result{5, 5, 301_070, 301_070, 301_070}, "done")
	check(run("again", rules), result{5, 5, 301_070, 301_070, 0}, "done")
	// Of the outer and the inner entry the inner one's rules hold; the file is in whatever excludes it.
	check(run("nested", `{"directories": [{"path": "/nas/show", "exclude": ["."]}, {"path": "/nas/show/old"}], "files": ["/nas/show/b.exr"]}`),
		result{2, 2, 30, 30, 0}, "done")
	// A link to a link to a folder, which is loaded whole.
	check(run("links", `{"config": {"resolve_symlink": "1"}, "directories": [{"path": "/nas/show", "include": ["^loop"]}], "exclude": ["stone"]}`),
		result{1, 1, 30, 30, 30}, "done")
	check(run("missing", "/nas/none\n/nas/show/b.exr\n"), result{2, 1, 10, 10, 0}, "done, 1 paths failed")
	check(run("metadata", `{"config": {"cache_mode": 1}, "directories": [{"path": "/nas/lib"}]}`), result{2, 2, 100_030, 100_030, 0}, "done")
	limited := run("limited", `{"config": {"maxreadsize": "50"}, "files": ["/nas/lib/wood.tx"]}`)
	if p := limited.Progress; p.BytesTotal != 50 || p.FilesDone != 1 {
		t.Errorf("limited: %+v", p)
	}
}

func TestPrimingJobsLiveOn(t *testing.T) {
	cloud, _ := library(t)
	slow := uint64(1) // a byte a second: the first block goes at once, the second never
	list := []byte("/nas/show\n/nas/lib\n")
	for _, name := range []string{"a", "b", "c", "d"} {
		if _, err := cloud.StartPriming(name, "list", list, slow); err != nil {
			t.Fatal(err)
		}
	}
	states := func(want string) {
		t.Helper()
		var got []string
		for _, j := range cloud.PrimeJobs() {
			got = append(got, j.State)
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("jobs are %s, want %s", s, want)
		}
	}
	change := func(name string, do PrimeAction) {
		t.Helper()
		for range 2 { // the second time changes nothing
			if _, err := cloud.ChangePriming(name, do); err != nil && !errors.Is(err, errNoJob) {
				t.Fatal(err)
			}
		}
	}
	states("Running Running Running Queued")
	if _, err := cloud.StartPriming("a", "list", list, 0); fault.KindOf(err) != fault.Conflict {
		t.Errorf("the same name again: %v", err)
	}
	change("a", PausePriming)
	cloud.primeIn("d", primeRunning)
	states("Paused Running Running Running")
	change("b", StopPriming)
	states("Paused Complete Running Running")

	cloud.crash()
	cloud.primeIn("c", primeRunning)
	states("Paused Complete Running Running")
	change("c", DeletePriming)
	change("d", StopPriming)
	change("a", ResumePriming)
	cloud.primeIn("a", primeRunning)
	change("a", StopPriming)
	states("Complete Complete Complete")
	if _, err := cloud.ChangePriming("a", PausePriming); fault.KindOf(err) != fault.Conflict {
		t.Errorf("paused what is complete: %v", err)
	}
	for i := range 7 {
		if _, err := cloud.StartPriming(strings.Repeat("x", i+1), "list", list, 0); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := cloud.StartPriming("eleventh", "list", list, 0); fault.KindOf(err) != fault.Exhausted {
		t.Errorf("the eleventh job: %v", err)
	}
	if j := cloud.primed("xxxxxxx"); j.Status != "done" {
		t.Errorf("%+v", j)
	}
}

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, begun := newPace(1<<20), time.Now()
		for range 10 {
			if err := p.wait(t.Context(), 512<<10); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begun); took != 4500*time.Millisecond { // the first goes at once
			t.Errorf("5 MiB at 1 MiB/s went in %v", took)
		}
	})
}
