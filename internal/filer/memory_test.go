package filer

import (
	"os"
	"path/filepath"
	"testing"
)

func TestGroupMemory(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"a/memory.max": "max\n", "a/b/memory.max": "1000\n", "a/b/c/memory.max": "5000\n",
		"memory/d/memory.limit_in_bytes": "2000\n", "memory/memory.limit_in_bytes": "9223372036854771712\n",
		"bad/memory.max": "-3\n",
	} {
		at := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for groups, want := range map[string]int64{
		"":                                   9000,
		"0::/\n":                             9000,
		"0::/a\n":                            9000,
		"0::/a/b/c\n":                        1000,
		"0::/gone\n":                         9000,
		"0::/bad\n":                          9000,
		"0::/../../a/b\n":                    1000,
		"4:memory:/d\n0::/a\n":               2000,
		"4:memory:/d\n3:cpu:/x\n0::/a/b/c\n": 1000,
		"4:cpu,cpuacct:/d\nnonsense\n\n::::": 9000,
	} {
		if got := groupMemory(root, []byte(groups), 9000); got != want {
			t.Errorf("%q allows %d bytes, want %d", groups, got, want)
		}
	}
	if n := machineMemory(); n < 64<<20 {
		t.Errorf("this machine has %d bytes", n)
	}
}
