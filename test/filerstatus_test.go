package test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// People see what a filer does, on its machine and from elsewhere, as text and as JSON.
func TestFilerStatus(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cache := filepath.Join(dir, "cache")
	writeFile(t, filepath.Join(dir, "nas", "a"), "content")
	f := start(t, nil, "filer", "--name", "edge", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--cache-dir", cache, "--export", "/nas=posix:"+filepath.Join(dir, "nas"))
	for _, which := range [][]string{{"--cache-dir", cache}, {"--at", f.said("metrics")}} {
		args := append([]string{"filer", "status", "--every", "100ms"}, which...)
		out, errOut, exit := spillwayOutput(t, patience, nil, args...)
		if exit != 0 || !strings.HasPrefix(out, "edge  up ") || !strings.Contains(out, "posix:"+filepath.Join(dir, "nas")+", answers") {
			t.Errorf("%v: exit %d\n%s%s", args, exit, out, errOut)
		}
		if strings.Contains(out, "\x1b") {
			t.Errorf("%v: a pipe got the control characters of a terminal: %q", args, out)
		}
		out, errOut, exit = spillwayOutput(t, patience, nil, append([]string{"--json"}, args...)...)
		var view struct {
			Name            string
			MeasuredSeconds float64
			Exports         []struct{ Path string }
		}
		if err := json.Unmarshal([]byte(out), &view); err != nil || exit != 0 || view.Name != "edge" || view.MeasuredSeconds < 0.1 || len(view.Exports) != 1 || view.Exports[0].Path != "/nas" {
			t.Errorf("%v: exit %d, %v, %+v\n%s%s", args, exit, err, view, out, errOut)
		}
	}
	if _, errOut, exit := spillwayOutput(t, patience, nil, "filer", "status", "--cache-dir", dir); exit != 1 || !strings.Contains(errOut, "no filer answers") {
		t.Errorf("without a filer: exit %d, %s", exit, errOut)
	}
	if _, errOut, exit := spillwayOutput(t, patience, nil, "filer", "status", "--cache-dir", cache, "--every", "1ms"); exit != 2 || !strings.Contains(errOut, "100ms to 1h") {
		t.Errorf("too often: exit %d, %s", exit, errOut)
	}
}
