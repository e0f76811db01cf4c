package test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// primingJob is what --json shows of a job.
type primingJob struct {
	Name, State, Status, Mode          string
	FilesTotal, FilesDone, BytesDone   uint64
	BytesFetched, Directories, Skipped uint64
	Errors                             []struct{ Path, Kind, Message string }
}

// People prime a filer on its own machine, without a farm: by manifest, by list, and again for nothing. Its jobs outlive
// a crash. A new configuration is taken over at SIGHUP.
func TestFilerPrimeAndReload(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, size := range map[string]int{"show/a.exr": 700_000, "show/b.exr": 10, "show/b.bak": 20, "lib/c.tx": 30} {
		writeFile(t, filepath.Join(dir, "nas", name), string(noise(size, 5)))
	}
	cache := filepath.Join(dir, "cloud")
	edge := start(t, nil, "filer", "--listen", "127.0.0.1:0", "--cache-dir", filepath.Join(dir, "edge"), "--export", "/nas=posix:"+filepath.Join(dir, "nas"))
	file := filepath.Join(dir, "cloud.yaml")
	configure := func(access string) {
		writeFile(t, file, fmt.Sprintf("listen: 127.0.0.1:0\ncacheDir: %s\nexports:\n  - {path: /nas, origin: \"nfs:%s/nas\", policy: p}\npolicies:\n  p:\n    - {scope: default, access: %s}\n",
			cache, edge.said("listen"), access))
	}
	configure("ro")
	cloud := start(t, nil, "filer", "--config", file)

	prime := func(wantExit int, args ...string) (job primingJob, errOut string) {
		t.Helper()
		out, errOut, exit := spillwayOutput(t, patience, nil, append([]string{"--json", "filer", "prime"}, args...)...)
		if exit != wantExit {
			t.Fatalf("%v: exit %d, want %d\n%s%s", args, exit, wantExit, out, errOut)
		}
		if out != "" {
			if err := json.Unmarshal([]byte(out), &job); err != nil {
				t.Fatalf("%v: %v in %s", args, err, out)
			}
		}
		return job, errOut
	}
	manifest, list := filepath.Join(dir, "m.json"), filepath.Join(dir, "list")
	writeFile(t, manifest, `{"directories": [{"path": "/nas"}], "exclude": "\\.bak$"}`)
	writeFile(t, list, "/nas/show/b.exr\n/nas/none\n")
	if j, _ := prime(0, "start", "all", manifest, "--config", file); j.State != "Complete" || j.Status != "done" || j.FilesDone != 3 ||
		j.BytesFetched != 700_040 || j.Skipped != 1 {
		t.Errorf("the manifest: %+v", j)
	}
	if j, _ := prime(0, "start", "again", manifest, "--cache-dir", cache); j.BytesFetched != 0 || j.BytesDone != 700_040 {
		t.Errorf("the manifest again: %+v", j)
	}
	if j, errOut := prime(1, "start", "list", list, "--cache-dir", cache); j.FilesDone != 1 || len(j.Errors) != 1 || j.Errors[0].Kind != "not_found" || !strings.Contains(errOut, "1 paths failed") {
		t.Errorf("a list with a missing file: %+v, %s", j, errOut)
	}
	writeFile(t, manifest, `{"directories": [{"path": "/nas", "include": "("}]}`)
	if _, errOut := prime(2, "start", "wrong", manifest, "--cache-dir", cache); !strings.Contains(errOut, "m.json:1:35: include: error parsing regexp") || !strings.Contains(errOut, "^^^^") {
		t.Errorf("a mistake: %s", errOut)
	}
	if _, errOut := prime(1, "pause", "all", "--cache-dir", cache); !strings.Contains(errOut, "is complete") {
		t.Errorf("paused a complete job: %s", errOut)
	}

	writeFile(t, filepath.Join(dir, "nas/late/1"), string(noise(100_000, 6)))
	writeFile(t, filepath.Join(dir, "nas/late/2"), string(noise(100_000, 7))) // waits for a day, at a byte a second
	writeFile(t, list, "/nas/late\n")
	prime(0, "start", "slow", list, "--cache-dir", cache, "--rate", "8bit/s", "--detach")
	cloud.kill()
	if _, errOut := prime(1, "pause", "slow", "--cache-dir", cache); !strings.Contains(errOut, "no filer answers") {
		t.Errorf("without a filer: %s", errOut)
	}
	cloud = start(t, nil, "filer", "--config", file)
	if j, _ := prime(0, "pause", "slow", "--cache-dir", cache); j.State != "Paused" {
		t.Errorf("after a crash: %+v", j)
	}
	out, _, _ := spillwayOutput(t, patience, nil, "filer", "prime", "list", "--config", file)
	for _, want := range []string{"NAME", "Complete (done, 1 paths failed)", "Paused"} {
		if !strings.Contains(out, want) {
			t.Errorf("the list lacks %q:\n%s", want, out)
		}
	}

	configure("none")
	reload := func(want string) {
		t.Helper()
		if err := cloud.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		eventually(t, patience, func() error {
			if !strings.Contains(cloud.logged(), want) {
				return fmt.Errorf("the log lacks %q", want)
			}
			return nil
		})
	}
	reload("want no, ro or rw")
	configure("rw")
	reload("the configuration was loaded again")
}
