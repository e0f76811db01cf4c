package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/fault"
)

func TestQuantities(t *testing.T) {
	for text, want := range map[string]config.Bytes{
		"0": 0, "4096": 4096, "1KiB": 1024, "1.5 GiB": 3 << 29, "500MB": 500e6, "10kB": 10e3, "2TiB": 2 << 40,
	} {
		if got, err := config.ParseBytes(text); err != nil || got != want {
			t.Errorf("ParseBytes(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for text, want := range map[string]config.Rate{
		"200Mbit/s": 200e6, "1 Gbit/s": 1e9, "25MB/s": 200e6, "1MiB/s": 8 << 20, "64kbit/s": 64e3,
	} {
		if got, err := config.ParseRate(text); err != nil || got != want {
			t.Errorf("ParseRate(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "0s": 0, "7d": 168 * time.Hour, "1d12h": 36 * time.Hour, "0.5d": 12 * time.Hour, "60ms": 60 * time.Millisecond,
	} {
		if got, err := config.ParseDuration(text); err != nil || time.Duration(got) != want {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
}

func TestBadQuantities(t *testing.T) {
	for _, text := range []string{
		"", " ", "-1", "+1", "1e3", "0x10", "NaN", "inf", "1.2.3", "1 ", "  1", "10K", "10M", "GiB", "9999999PiB", "1Mbit", "5s5", "1dd", "d", "99999d",
		"-1d", "1d-5s", "1d+5s", "1d1d", "٣s",
	} {
		if got, err := config.ParseBytes(text); fault.KindOf(err) != fault.Invalid {
			t.Errorf("ParseBytes(%q) = %v, %v", text, got, err)
		}
		if got, err := config.ParseRate(text); fault.KindOf(err) != fault.Invalid {
			t.Errorf("ParseRate(%q) = %v, %v", text, got, err)
		}
		if got, err := config.ParseDuration(text); fault.KindOf(err) != fault.Invalid {
			t.Errorf("ParseDuration(%q) = %v, %v", text, got, err)
		}
	}
}

func TestQuantitiesReadWhatTheyWrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Int64Range(0, 1<<53).Draw(t, "v")
		if got, err := config.ParseBytes(config.Bytes(v).String()); err != nil || got != config.Bytes(v) {
			t.Fatalf("bytes %d: %v, %v", v, got, err)
		}
		if got, err := config.ParseRate(config.Rate(v).String()); err != nil || got != config.Rate(v) {
			t.Fatalf("rate %d: %v, %v", v, got, err)
		}
		if got, err := config.ParseDuration(config.Duration(v).String()); err != nil || got != config.Duration(v) {
			t.Fatalf("duration %d: %v, %v", v, got, err)
		}
	})
}

func TestSecrets(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("from file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SPILLWAY_TEST_SECRET", "from env")
	t.Setenv("CREDENTIALS_DIRECTORY", filepath.Dir(file))
	for ref, want := range map[config.Ref]string{
		"env:SPILLWAY_TEST_SECRET": "from env", config.Ref("file:" + file): "from file", "credential:token": "from file",
	} {
		got, err := ref.Resolve()
		if err != nil || got.Reveal() != want {
			t.Errorf("%s = %q, %v", ref, got.Reveal(), err)
		}
		j, _ := json.Marshal(got)
		if shown := fmt.Sprintf("%v %s %+v %#v %s", got, got, got, got, j); strings.Contains(shown, want) {
			t.Errorf("the secret shows itself: %s", shown)
		}
	}
	for _, ref := range []config.Ref{"env:SPILLWAY_TEST_UNSET", "file:/nonexistent", "credential:other"} {
		if _, err := ref.Resolve(); fault.KindOf(err) != fault.NotFound {
			t.Errorf("%s: %v, want not found", ref, err)
		}
	}
	for _, text := range []string{"", "hunter2", "file:relative", "env:", "env:A=B", "credential:../x", "https://x"} {
		var ref config.Ref
		err := ref.UnmarshalText([]byte(text))
		if fault.KindOf(err) != fault.Invalid || text == "hunter2" && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
