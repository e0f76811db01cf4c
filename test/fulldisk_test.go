package test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// smallDisk mounts a disk of some MiB on a new folder.
func (f *testFarm) smallDisk(name string, mib int) string {
	f.t.Helper()
	if os.Getuid() != 0 {
		f.t.Skip("needs root to mount a small disk")
	}
	dir := filepath.Join(f.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		f.t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", mib)); err != nil {
		f.t.Skipf("needs to mount a small disk: %v", err)
	}
	return dir
}

// fill leaves no room on the disk that a folder is on, and returns the file that takes it.
func fill(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "ballast")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	block := make([]byte, 64<<10)
	for err == nil {
		_, err = out.Write(block)
	}
	for err = nil; err == nil; {
		_, err = out.Write(block[:512])
	}
	return path
}

// The cache disk of a filer is full: everybody reads and writes all the same.
func TestFilerOnAFullDisk(t *testing.T) {
	needsFUSE(t)
	t.Parallel()
	f := newFarm(t)
	cache := f.smallDisk("small", 64)
	scene, frame := noise(96<<20, 7), noise(3<<20, 8)
	writeFile(t, filepath.Join(f.nas, "scene.bin"), string(scene))
	edge, cloud := freeAddress(), freeAddress()
	f.startFiler("edge", edge, "posix:"+f.nas)
	start(t, f.env, "filer", "--listen", cloud, "--cache-dir", filepath.Join(cache, "cache"), "--cache-size", "1GiB", "--export", "/nas=nfs:"+edge+"/nas")
	m := f.mount("m", cloud)
	for range 2 {
		if got, err := os.ReadFile(filepath.Join(m, "scene.bin")); err != nil || !bytes.Equal(got, scene) {
			t.Fatalf("read %d bytes, larger than the cache: %v", len(got), err)
		}
	}
	ballast := fill(t, cache)
	if got, err := os.ReadFile(filepath.Join(m, "scene.bin")); err != nil || !bytes.Equal(got, scene) {
		t.Fatalf("read %d bytes, with no room at all: %v", len(got), err)
	}
	writeFile(t, filepath.Join(m, "frame.png"), string(frame))
	if got := readFile(t, filepath.Join(f.nas, "frame.png")); got != string(frame) {
		t.Errorf("the folder has %d bytes of the frame", len(got))
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(m, "frame.png")); err != nil || !bytes.Equal(got, frame) {
		t.Errorf("read %d bytes of the frame: %v", len(got), err)
	}
}

// The server's disk is full: a submit is refused in clear words, and nothing that was acknowledged is lost. With room again
// everything goes on, also after a restart.
func TestServerOnAFullDisk(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	f.configure(fmt.Sprintf(`
lease: 60s
storage: [{name: nas, path: %q, sources: [{path: %q}], sites: {studio: {direct: %q}}}]
tokens: [{role: agent, names: "*", site: studio, file: agents.token}]
`, f.nas, f.nas, f.nas))
	disk := f.smallDisk("server", 32)
	f.startServer()
	f.startAgent("ws-01")
	out := filepath.Join(f.nas, "out")
	first := f.submit(f.bundle("steady", steady, steadyPolicy), "-p", "Dir="+f.nas)
	f.pids("long")
	ballast := fill(t, disk)

	big := strings.Replace(twelve, "name: twelve", "name: twelve\ndescription: \""+strings.Repeat("x", 2000)+"\"", 1)
	bundle := f.bundle("twelve", big, twelvePolicy)
	refused := false
	accepted := map[string]bool{}
	for i := 0; i < 40 && !refused; i++ {
		stdout, stderr, exit := f.run("job", "submit", "--json", bundle, "-p", "OutDir="+fmt.Sprint(out, i))
		if exit == 0 {
			accepted[idOf(t, stdout)] = true
			continue
		}
		refused = true
		contains(t, "the refused submit", stderr, "could not be stored", "full")
	}
	if !refused {
		t.Fatal("everything was accepted on a full disk")
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	accepted[f.submit(bundle, "-p", "OutDir="+out).ID] = true
	f.server.kill()
	f.startServer()
	writeFile(t, filepath.Join(f.nas, "go"), "")
	f.succeed(first.ID)
	f.onceEach(first.ID)
	for id := range accepted {
		f.succeed(id)
	}
	jobs, err := f.api.Jobs(t.Context(), "", 100)
	if err != nil || len(jobs) != len(accepted)+1 {
		t.Errorf("%d jobs, of which %d were acknowledged: %v", len(jobs), len(accepted)+1, err)
	}
}

func idOf(t *testing.T, text string) string {
	t.Helper()
	var job struct{ ID string }
	decode(t, text, &job)
	return job.ID
}
