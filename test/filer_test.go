package test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/wan"
)

// startFiler starts a filer without a server at a fixed address, so that it can be started again there.
func (f *testFarm) startFiler(name, listen, origin string, more ...string) *daemon {
	f.t.Helper()
	args := []string{"filer", "--name", name, "--listen", listen, "--cache-dir", filepath.Join(f.dir, name), "--export", "/nas=" + origin}
	return start(f.t, f.env, append(args, more...)...)
}

// mount shows a filer's export in a folder of this test.
func (f *testFarm) mount(name, server string) string {
	f.t.Helper()
	dir := filepath.Join(f.dir, name)
	start(f.t, f.env, "mount", server+":/nas", dir)
	return dir
}

// A filer is a plain NFS cache in front of a folder, without a server. What was read and written through it is the folder's.
func TestFilerAlone(t *testing.T) {
	needsFUSE(t)
	t.Parallel()
	f := newFarm(t)
	files := map[string][]byte{"a.txt": []byte("hello\n"), "empty": nil, "deep/er/scene.bin": noise(3<<20+123, 1), "spaces and ümlauts": []byte("x")}
	for name, data := range files {
		writeFile(t, filepath.Join(f.nas, name), string(data))
	}
	if err := os.Symlink("a.txt", filepath.Join(f.nas, "link")); err != nil {
		t.Fatal(err)
	}
	at := freeAddress()
	f.startFiler("filer", at, "posix:"+f.nas)
	m := f.mount("m", at)
	for name, data := range files {
		if got := readFile(t, filepath.Join(m, name)); got != string(data) {
			t.Errorf("%s: %d bytes read through the filer are not the folder's %d", name, len(got), len(data))
		}
	}
	sameTree(t, f.nas, m)

	big := noise(5<<20+7, 2)
	writeFile(t, filepath.Join(m, "out/frame_0001.png"), string(big))
	for _, do := range []error{
		os.Rename(filepath.Join(m, "out/frame_0001.png"), filepath.Join(m, "out/frame_0002.png")),
		os.Remove(filepath.Join(m, "a.txt")),
		os.Truncate(filepath.Join(m, "deep/er/scene.bin"), 1000),
		os.Mkdir(filepath.Join(m, "new"), 0o755),
		os.Link(filepath.Join(m, "empty"), filepath.Join(m, "new/second name")),
		os.Symlink("../out", filepath.Join(m, "new/link")),
		os.Chmod(filepath.Join(m, "empty"), 0o600),
	} {
		if do != nil {
			t.Error(do)
		}
	}
	if got := readFile(t, filepath.Join(f.nas, "out/frame_0002.png")); got != string(big) {
		t.Error("what was written through the filer is not in the folder")
	}
	sameTree(t, f.nas, m)
}

// The filer dies under somebody who reads and writes, and comes back at its address: a hard mount goes on as if nothing had
// happened, and files that were open stay good.
//
// The writer is a process of its own: a test that held files of the mount open could not start the filer again, because
// the new process closes its copies of them first, which waits for the filer.
func TestFilerKilledUnderWriter(t *testing.T) {
	needsFUSE(t)
	needs(t, "python3")
	t.Parallel()
	f := newFarm(t)
	const size = 12 << 20
	frame, scene := noise(size, 4), noise(2<<20, 3)
	writeFile(t, filepath.Join(f.nas, "scene.bin"), string(scene))
	at := freeAddress()
	filer := f.startFiler("filer", at, "posix:"+f.nas)
	m := f.mount("m", at)
	source := f.write("source", string(frame))

	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	writer := exec.CommandContext(ctx, "python3", "-c", writes, m, source, filepath.Join(f.nas, "scene.bin"))
	writer.Stderr = os.Stderr
	writer.Env = append(os.Environ(), f.env...)
	out, err := writer.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := writer.Start(); err != nil {
		t.Fatal(err)
	}
	said := ""
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if said = lines.Text(); said == "written" { // the writer goes on meanwhile
			filer.kill()
			filer = f.startFiler("filer", at, "posix:"+f.nas)
		}
	}
	if err := writer.Wait(); err != nil || said != "done" {
		t.Fatalf("the writer's last word was %q: %v", said, err)
	}
	if got := readFile(t, filepath.Join(f.nas, "frame.png")); got != string(frame) {
		t.Errorf("the folder has %d bytes of the frame, and not those that were written", len(got))
	}
	if got := readFile(t, filepath.Join(m, "frame.png")); got != string(frame) {
		t.Error("the frame read back is another one")
	}
}

// writes copies a file into the mount, says `written` after each quarter, and reads another one that it holds open.
const writes = `import sys
mount, source, scene = sys.argv[1:]
data = open(source, "rb").read()
held = open(mount + "/scene.bin", "rb", buffering=0)
head = held.read(100)
out = open(mount + "/frame.png", "wb", buffering=0)
step = 128 << 10
for at in range(0, len(data), step):
    assert out.write(data[at:at+step]) == step
    if (at + step) % (len(data) // 4) == 0 and at + step < len(data):
        print("written", flush=True)
out.close()
rest = b""
while part := held.read(1 << 20):
    rest += part
assert head + rest == open(scene, "rb").read(), "the file that was open all the time has changed"
print("done", flush=True)
`

// Two filers over a slow link: what nodes write at the far end is in the folder, what they read crosses the link once.
func TestTwoFilersOverTheLink(t *testing.T) {
	needsFUSE(t)
	t.Parallel()
	f := newFarm(t)
	scene := noise(4<<20, 5)
	writeFile(t, filepath.Join(f.nas, "textures/wood.exr"), string(scene))
	edge := freeAddress()
	f.startFiler("edge", edge, "posix:"+f.nas)
	link := start(t, f.env, "wan", "--rtt", "60ms", "--bandwidth", "400Mbit/s", "--status", "127.0.0.1:0", "--relay", "127.0.0.1:0="+edge+",edge")
	relays, ok := link.ready["relays"].(map[string]any)
	if !ok {
		t.Fatalf("ready: %v", link.ready)
	}
	cloud := freeAddress()
	f.startFiler("cloud", cloud, fmt.Sprintf("nfs:%s/nas", relays["edge"]))
	one, two := f.mount("one", cloud), f.mount("two", cloud)

	before := linkStatus(t, link)
	var readers sync.WaitGroup
	for _, m := range []string{one, two, one, two} {
		readers.Go(func() {
			if got, err := os.ReadFile(filepath.Join(m, "textures/wood.exr")); err != nil || !bytes.Equal(got, scene) {
				t.Errorf("read %d bytes through %s: %v", len(got), m, err)
			}
		})
	}
	finish(t, "the readers", &readers)
	after := linkStatus(t, link)
	if crossed := after.FarToNear + after.NearToFar - before.FarToNear - before.NearToFar; crossed < uint64(len(scene)) || crossed > uint64(len(scene))*11/10 {
		t.Errorf("%d bytes crossed the link for %d bytes that four readers asked for", crossed, len(scene))
	}
	if len(after.Relays) != 1 || after.Relays[0].Name != "edge" || after.Relays[0].Accepted == 0 || after.RTT != "60ms" {
		t.Errorf("the link's status: %+v", after)
	}

	frame := noise(1<<20+99, 6)
	began := time.Now()
	writeFile(t, filepath.Join(one, "out/frame.png"), string(frame))
	if took := time.Since(began); took < 60*time.Millisecond {
		t.Errorf("the write took %v, less than the link's round trip: it cannot have reached the folder", took)
	}
	if got := readFile(t, filepath.Join(f.nas, "out/frame.png")); got != string(frame) {
		t.Errorf("the folder has %d bytes of the frame", len(got))
	}
	if got := readFile(t, filepath.Join(two, "out/frame.png")); got != string(frame) {
		t.Errorf("the other node sees %d bytes of the frame", len(got))
	}
}

// linkStatus asks a link what it carried.
func linkStatus(t *testing.T, link *daemon) wan.Status {
	t.Helper()
	answer, err := http.Get("http://" + link.said("status") + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var s wan.Status
	if err := json.NewDecoder(answer.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

// finish waits for goroutines that use a mount, which may hang if something is wrong.
func finish(t *testing.T, who string, group *sync.WaitGroup) {
	t.Helper()
	done := make(chan struct{})
	go func() { group.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatalf("%s did not come to an end", who)
	}
}

// noise is data that does not compress and is the same every time.
func noise(size int, seed uint64) []byte {
	data := make([]byte, size)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = r.Read(data) // never fails
	return data
}

// sameTree fails the test unless two folders hold the same names, kinds, permissions, sizes and contents.
func sameTree(t *testing.T, want, got string) {
	t.Helper()
	a, b := listTree(t, want), listTree(t, got)
	for name, x := range a {
		if b[name] != x {
			t.Errorf("%s: %q, and through the filer %q", name, x, b[name])
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			t.Errorf("%s is seen through the filer only", name)
		}
	}
}

func listTree(t *testing.T, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		what := info.Mode().String()
		switch {
		case info.Mode().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(data)
			what += fmt.Sprintf(" %d %s %d", info.Size(), hex.EncodeToString(sum[:8]), info.ModTime().Unix())
		case info.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			what += " " + to
		}
		all[rel] = what
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
