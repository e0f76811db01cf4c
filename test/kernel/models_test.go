package kernel

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// models are the usage models, but for those that differ from one of these in a time only.
func models() []string {
	if whole() {
		return []string{"READ_ONLY", "READ_HEAVY_INFREQ", "WRITE_AROUND"}
	}
	return []string{"READ_HEAVY_INFREQ"} // what is cached is trusted for ever: nothing but the filer itself keeps it right
}

// testModels runs the suite over a filer far from the storage, under each usage model.
func testModels(t *testing.T, one, two guest) {
	startFiler(t, "2049", folder(t, "edge"), posixOrigin(folder(t, "nas")))
	run := "Append|Exclusive|Truncate|AcrossClients"
	if whole() {
		run = ""
	}
	for _, model := range models() {
		t.Run(model, func(t *testing.T) {
			startConfigured(t, "2050", fmt.Sprintf("exports:\n  - {path: /nas, origin: %q, usageModel: %s}\n", nfsOrigin("2049"), model))
			one.mount(t, "2050", "/mnt/nas")
			two.mount(t, "2050", "/mnt/nas", everyQuestion)
			suite{on: one, peer: &two, dir: "/mnt/nas", run: run, within: 20 * time.Minute, without: []string{noLocks, noOpens}}.test(t)
		})
	}
}

// testSquash runs the suite where root is nobody: on a storage of the filer's own machine, and far from it.
func testSquash(t *testing.T, one, two guest) {
	const squash = "policies:\n  default:\n    - {scope: default, access: rw, rootSquash: true, anonymousUID: 4999}\n"
	run := "RootSquash|Rename|Truncate|Sync"
	if whole() {
		run = ""
	}
	startConfigured(t, "2049", squash+fmt.Sprintf("exports:\n  - {path: /nas, origin: %q}\n", posixOrigin(folder(t, "nas"))))
	startConfigured(t, "2050", fmt.Sprintf("exports:\n  - {path: /nas, origin: %q}\n", nfsOrigin("2049")))
	for _, port := range []string{"2049", "2050"} {
		t.Run(map[string]string{"2049": "by the filer", "2050": "by the storage of the filer"}[port], func(t *testing.T) {
			one.mount(t, port, "/mnt/nas")
			two.mount(t, port, "/mnt/nas", everyQuestion)
			suite{on: one, peer: &two, dir: "/mnt/nas", run: run, within: 20 * time.Minute, without: []string{noLocks, noOpens},
				env: []string{"SPILLWAY_POSIX_SQUASHED=4999"}}.test(t)
		})
	}
}

// startConfigured starts a filer with a configuration file, and stops it when the test ends.
func startConfigured(t *testing.T, port, config string) *daemon {
	t.Helper()
	file := filepath.Join(t.TempDir(), "filer.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return startDaemon(t, "filer", "--listen", "0.0.0.0:"+port, "--cache-dir", folder(t, "cache"), "--config", file)
}
