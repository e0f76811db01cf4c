package nodehelper_test

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/spillway/spillway/internal/agent/nodehelper"
	"github.com/spillway/spillway/internal/fault"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "node-helper" {
		if err := nodehelper.Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func caller(t *testing.T) nodehelper.Caller {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return nodehelper.Caller{Command: []string{self, "node-helper"}}
}

func TestVerifyThroughAHelper(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for name, data := range map[string]string{"good.txt": "12345", "broken.png": "\x89PNG\r\n\x1a\nand then nothing", "empty.txt": ""} {
		if err := os.WriteFile(path(name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a, err := caller(t).Call(t.Context(), time.Minute, nodehelper.Request{Verify: &nodehelper.Verify{Files: []nodehelper.File{
		{Path: path("good.txt"), Check: "exists", Sync: true}, {Path: path("broken.png"), Check: "image"}, {Path: path("empty.txt"), Check: "exists"},
		{Path: path("none.txt"), Check: "exists", Sync: true}, {Path: path("none.txt"), Optional: true}, {Path: path("broken.png"), Check: nodehelper.Auto}, {Path: dir},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if v := a.Verified[0]; v.Size != 5 || len(v.SHA256) != 32 || v.Problem != "" {
		t.Errorf("good.txt: %+v", v)
	}
	for i, want := range []string{1: "", 2: "is empty", 3: "is missing", 5: "", 6: "is not a regular file"} {
		if v := a.Verified[i]; i != 0 && i != 4 && (v.Problem == "" || !strings.Contains(v.Problem, want) || strings.Contains(v.Problem, dir)) {
			t.Errorf("file %d: %+v, want a problem with %q", i, v, want)
		}
	}
	if v := a.Verified[4]; !v.Missing || v.Problem != "" {
		t.Errorf("an optional file: %+v", v)
	}
}

func TestUnnamedFilesAreCheckedByTheirNames(t *testing.T) {
	dir := t.TempDir()
	black := image.NewGray(image.Rect(0, 0, 8, 8))
	var data bytes.Buffer
	if err := png.Encode(&data, black); err != nil {
		t.Fatal(err)
	}
	var files []nodehelper.File
	for _, c := range []struct {
		name, data string
		refuse     []string
	}{
		{"black.png", data.String(), []string{"black"}}, {"black.png", data.String(), nil}, {"text.tif", "Error", nil},
		{"big.tif", "II+\x00 and more", nil}, {"scene.abc", "Ogawa", []string{"black"}},
	} {
		path := filepath.Join(dir, c.name)
		if err := os.WriteFile(path, []byte(c.data), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, nodehelper.File{Path: path, Check: nodehelper.Auto, Refuse: c.refuse})
	}
	a, err := caller(t).Call(t.Context(), time.Minute, nodehelper.Request{Verify: &nodehelper.Verify{Files: files}})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"is black", "", "is not a PNG, JPEG, TIFF, WebP or OpenEXR picture", "", ""} {
		if got := a.Verified[i].Problem; !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%s: %q, want %q", files[i].Path, got, want)
		}
	}
}

func TestErrorsCrossTheBorder(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for want, r := range map[fault.Kind]nodehelper.Request{
		fault.Unavailable: {Probe: &nodehelper.Probe{Dir: missing}},
		fault.NotFound:    {Probe: &nodehelper.Probe{Dir: t.TempDir(), Mount: true}},
		fault.Invalid:     {},
	} {
		if _, err := caller(t).Call(t.Context(), time.Minute, r); err == nil || fault.KindOf(err) != want {
			t.Errorf("%+v: %v, want %v", r, err, want)
		}
	}
	if _, err := (nodehelper.Caller{Command: []string{"/bin/sh", "-c", "echo broken >&2; exit 3"}}).Call(t.Context(), time.Minute, nodehelper.Request{}); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("a helper that fails: %v", err)
	}
}

func TestHelperThatHangsIsLeftBehind(t *testing.T) {
	sleeper, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip("needs sleep")
	}
	began := time.Now()
	c := nodehelper.Caller{Command: []string{sleeper, "300"}}
	if _, err := c.Call(t.Context(), 200*time.Millisecond, nodehelper.Request{}); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "did not answer within 200ms") {
		t.Errorf("Call = %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	time.AfterFunc(100*time.Millisecond, func() { cancel(gone) })
	if _, err := c.Call(ctx, time.Minute, nodehelper.Request{}); !errors.Is(err, gone) {
		t.Errorf("Call = %v", err)
	}
	if time.Since(began) > time.Minute { // far less than it sleeps
		t.Errorf("took %v", time.Since(began))
	}
}

func FuzzRequest(f *testing.F) {
	for _, seed := range []string{`{}`, `{"probe":{"dir":"/x"}}`, `{"verify":{"files":[{"path":"/x"}]}}`, `{"probe":{},"detach":{}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(_ *testing.T, data []byte) { _, _ = nodehelper.ParseRequest(data) })
}
