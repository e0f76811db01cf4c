package filer

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/config"
)

func exportFile(t *testing.T, keys string) (ExportFile, error) {
	t.Helper()
	var file File
	err := config.Decode("filer.yaml", []byte("exports:\n  - {path: /nas, origin: \"nfs:nas:2049/x\", "+keys+"}\n"), &file)
	if err != nil {
		return ExportFile{}, err
	}
	return file.Exports[0], nil
}

func TestUsageModelsAndTheirTimers(t *testing.T) {
	for keys, want := range map[string]time.Duration{
		"block: 64KiB":                                         0, // nothing said: the filer's default
		"usageModel: READ_ONLY":                                30 * time.Second,
		"usageModel: Read-only caching":                        30 * time.Second,
		"usageModel: WRITE_AROUND":                             30 * time.Second,
		"usageModel: read_heavy_check_180":                     3 * time.Hour,
		"usageModel: READ_HEAVY_INFREQ":                        never,
		`usageModel: "Read heavy, infrequent writes"`:          never,
		"usageModel: READ_HEAVY_INFREQ, verificationTimer: 60": time.Minute,
		"verificationTimer: 31536000":                          365 * 24 * time.Hour,
		"verificationTimer: 90s":                               90 * time.Second,
		"verify: 5s":                                           5 * time.Second,
	} {
		e, err := exportFile(t, keys)
		if err != nil {
			t.Errorf("%s: %v", keys, err)
			continue
		}
		if got, _, _, err := e.timers(); err != nil || got != want {
			t.Errorf("%s: checked after %v, %v; want %v", keys, got, err, want)
		}
	}
}

func TestWriteBackTimes(t *testing.T) {
	for keys, want := range map[string]time.Duration{
		"block: 64KiB":                               0,
		"usageModel: READ_ONLY":                      0,
		"usageModel: WRITE_AROUND":                   0,
		"usageModel: READ_WRITE":                     time.Hour,
		"usageModel: WRITE_WORKLOAD_CLOUDWS":         30 * time.Second,
		"usageModel: READ_WRITE, writeBackTimer: 45": 45 * time.Second,
	} {
		e, err := exportFile(t, keys)
		if err != nil {
			t.Errorf("%s: %v", keys, err)
			continue
		}
		if got := e.writeBackDelay(); got != want {
			t.Errorf("%s: written back after %v, want %v", keys, got, want)
		}
		cfg, closeParents, err := (&File{Exports: []ExportFile{e}}).build(nil, "test", slog.New(slog.DiscardHandler))
		closeParents()
		if err != nil || cfg.Exports[0].WriteBack != want {
			t.Errorf("%s: the filer is told %v, %v; want %v", keys, cfg.Exports[0].WriteBack, err, want)
		}
	}
}

func TestMistakesInUsageModels(t *testing.T) {
	for keys, want := range map[string]string{
		"usageModel: READ_SOME":                     "there are READ_ONLY, READ_WRITE",
		"verificationTimer: 0":                      "want 1 to 31536000 seconds",
		"verificationTimer: 31536001":               "want 1 to 31536000 seconds",
		"verificationTimer: -1":                     "want seconds",
		"verificationTimer: soon":                   "want seconds",
		"writeBackTimer: 30":                        "nothing to write back later",
		"usageModel: READ_ONLY, writeBackTimer: 30": "nothing to write back later",
		"verify: 3s, verificationTimer: 3":          "say one of them",
	} {
		_, err := exportFile(t, keys)
		ms := config.MistakesOf(err)
		if len(ms) != 1 || !strings.Contains(ms[0].Message, want) || ms[0].Line != 2 || !strings.Contains(ms[0].Excerpt, "^") {
			t.Errorf("%s: %v, want %q", keys, err, want)
		}
	}
}

// Every model of the list can be found by both its names, and its timers are ones that a user could have set.
func TestUsageModelNames(t *testing.T) {
	for _, m := range usageModels() {
		for _, name := range []string{m.ID, strings.ToLower(m.ID), m.Title} {
			if got, err := ParseUsageModel(name); err != nil || got != m {
				t.Errorf("%q is %v, %v", name, got, err)
			}
		}
		if m.Verify < time.Second || m.Verify > maxTimer && m.Verify != never || m.WriteBack != 0 && m.WriteBack < time.Second {
			t.Errorf("%s: odd timers %v, %v", m.ID, m.Verify, m.WriteBack)
		}
	}
}

func FuzzTimer(f *testing.F) {
	for _, s := range []string{"30", "31536000", "1h30m", "-1", "", "9999999999999999999", "1e9s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var timer Timer
		if timer.UnmarshalText([]byte(s)) == nil && (time.Duration(timer) < time.Second || time.Duration(timer) > maxTimer) {
			t.Errorf("%q is %v", s, timer)
		}
	})
}

// In the middle of the day, without a restart: policy and verification time of a running filer.
func TestReload(t *testing.T) {
	dir, o := folder(t)
	edge := start(t, Config{Exports: []Export{{Path: "/nas", Origin: o}}})
	writeFile(t, dir+"/f", []byte("one"))
	up := remote(t, edge.addr, "/nas")
	text := func(keys, policies string) (file File) {
		err := config.Decode("filer.yaml", []byte("listen: 127.0.0.1:0\ncacheDir: x\nexports:\n  - {path: /nas, origin: \""+up.Describe()+"\", "+keys+
			"}\npolicies:\n  p: [{scope: default, access: "+policies+"}]\n"), &file)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	cloud := start(t, Config{Exports: []Export{{Path: "/nas", Origin: up, Verify: never}}})
	c := dial(t, cloud.addr, "/nas")
	h := c.look(c.root, "f")
	c.wantContent(h, []byte("one"))
	writeFile(t, dir+"/f", []byte("another"))
	edge.Revalidate(t.Context(), []string{"/nas/f"})
	c.wantContent(h, []byte("one")) // never is never

	first := text("usageModel: READ_HEAVY_INFREQ", "rw")
	ignored, err := cloud.Reload(t.Context(), first, text("verificationTimer: 1, policy: p, block: 64KiB", "no"))
	if err != nil || strings.Join(ignored, " ") != "export /nas" {
		t.Fatalf("left %v, %v", ignored, err)
	}
	if _, err := c.Mnt(t.Context(), nil, "/nas"); err == nil {
		t.Error("mounted against the new policy")
	}
	if _, err := cloud.Reload(t.Context(), first, text("usageModel: READ_ONLY", "rw")); err != nil {
		t.Fatal(err)
	}
	if got := time.Duration(cloud.targets[0].verify.Load()); got != 30*time.Second {
		t.Errorf("checks after %v, want 30s", got)
	}
	cloud.targets[0].verify.Store(0)
	c.wantContent(h, []byte("another"))
}

// READDIRPLUS from the start checks the directory under every model (HPC Cache's way out of "never").
func TestListingChecksTheDirectory(t *testing.T) {
	dir, o := folder(t)
	edge := start(t, Config{Exports: []Export{{Path: "/nas", Origin: o}}})
	writeFile(t, dir+"/a", nil)
	cloud := start(t, Config{Exports: []Export{{Path: "/nas", Origin: remote(t, edge.addr, "/nas"), Verify: never}}})
	c := dial(t, cloud.addr, "/nas")
	if got := c.names(c.root); len(got) != 1 {
		t.Fatalf("lists %v", got)
	}
	if _, ok := c.missing(c.root, "b"); !ok {
		t.Fatal("b is there too early")
	}
	writeFile(t, dir+"/b", nil)
	if _, ok := c.missing(c.root, "b"); !ok {
		t.Error("a name that does not exist was asked for again, under a model that never checks")
	}
	if got := c.names(c.root); len(got) != 2 {
		t.Errorf("a listing from the start shows %v", got)
	}
	if _, ok := c.missing(c.root, "b"); ok {
		t.Error("the listing has checked, and the name is still taken not to exist")
	}
}
