package test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spillway/spillway/internal/origin/blob/azblob/azuretest"
)

// A filer before a container of Azure Blob Storage, as TestFilerBeforeABucket.
func TestFilerBeforeAContainer(t *testing.T) {
	needsFUSE(t)
	t.Parallel()
	azurite, err := azuretest.Start("..")
	if errors.Is(err, azuretest.ErrNotThere) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(azurite.Stop)
	name, container, err := azurite.Container(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	f := newFarm(t)
	at := freeAddress()
	config := f.write("filer.yaml", fmt.Sprintf(`listen: %s
cacheDir: %s
exports:
  - path: /nas
    origin: azblob:%s
    verify: 1s
    azblob: {account: %s, endpoint: %q, accountKey: "file:%s"}
    objectDefaults: {uid: %d, gid: %d}
`, at, filepath.Join(f.dir, "cache"), name, azurite.Account, azurite.Endpoint, f.write("key", azurite.Key), os.Getuid(), os.Getgid()))
	filer := start(t, f.env, "filer", "--config", config)
	m := f.mount("m", at)

	frame := string(noise(17<<20, 9)) // more than one block
	writeFile(t, filepath.Join(m, "sh010/frame.exr"), frame)
	if err := os.Rename(filepath.Join(m, "sh010"), filepath.Join(m, "sh 020")); err != nil {
		t.Fatal(err)
	}
	r, err := container.NewBlobClient("sh 020/frame.exr").DownloadStream(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r.Body)
	if err = errors.Join(err, r.Body.Close()); err != nil || string(got) != frame {
		t.Errorf("the blob holds %d bytes, %v", len(got), err)
	}
	if _, err := container.NewBlockBlobClient("theirs/note").UploadBuffer(t.Context(), []byte("pixels"), nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, patience, func() error {
		data, err := os.ReadFile(filepath.Join(m, "theirs/note"))
		if err == nil && string(data) != "pixels" {
			err = fmt.Errorf("read %q", data)
		}
		return err
	})
	filer.kill()
	log := filer.logged()
	filer = start(t, f.env, "filer", "--config", config)
	if got := readFile(t, filepath.Join(m, "sh 020/frame.exr")); got != frame {
		t.Error("after a restart the file reads otherwise")
	}
	if log += filer.logged(); strings.Contains(log, azurite.Key) {
		t.Error("the key is in the log")
	}
	wrong := filepath.Join(t.TempDir(), "wrong.yaml")
	writeFile(t, wrong, strings.Replace(readFile(t, config), "azblob:"+name, "azblob:renderz", 1))
	_, said, exit := spillwayOutput(t, patience, f.env, "filer", "--config", wrong, "--listen", "127.0.0.1:0", "--cache-dir", filepath.Join(f.dir, "cache2"))
	if words := []string{"renderz", "create the container"}; exit == 0 || slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(said, w) }) {
		t.Errorf("a container that is not there: exit %d,\n%s", exit, said)
	}
}
