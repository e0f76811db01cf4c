package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server"
)

const goodConfig = `name: studio
listen: 127.0.0.1:7410
dir: /var/lib/spillway
lease: 15s
heartbeat: 3s
storage:
  - name: nas
    path: /srv/nas
    sources: [{path: /mnt/nas}, {format: WINDOWS, path: 'N:\'}]
    sites: {studio: {filer: edge}, cloud: {filer: cloud}}
filers:
  - {name: edge, control: "https://10.0.0.2:7420", nfs: "10.0.0.2:2049", export: /nas}
  - {name: cloud, control: "https://10.1.0.2:7420", nfs: "10.1.0.2:2049", export: /nas, parent: edge}
pools:
  - {name: burst, site: cloud, provider: process, command: [spillway, agent], max: 2, price: 0.4, capacity: {vcpus: 1, memory: 4GiB}}
  - name: formula
    site: cloud
    command: [spillway, agent]
    max: 9
    spot: true
    autoscale:
      interval: 2m
      formula: |
        slots = avg($PendingTaskSlots.GetSample(5 * TimeInterval_Minute));
        $TargetSpotNodes = ceil(slots / $TaskSlotsPerNode);
`

func load(t *testing.T, text string) error {
	t.Helper()
	file := filepath.Join(t.TempDir(), "farm.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := server.LoadConfig(file)
	return err
}

func TestConfig(t *testing.T) {
	if err := load(t, goodConfig); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ old, new, want string }{
		"unknown key":            {"lease: 15s", "leese: 15s", `did you mean "lease"`},
		"no port":                {"127.0.0.1:7410", "127.0.0.1", "no HOST:PORT"},
		"slow heartbeat":         {"heartbeat: 3s", "heartbeat: 10s", "too slow for a lease"},
		"unknown filer":          {"filer: edge", "filer: edgy", `"edgy", which is not configured`},
		"unknown parent":         {"parent: edge", "parent: edgy", `"edgy", which is not configured`},
		"its own ancestor":       {"export: /nas}", "export: /nas, parent: cloud}", "its own ancestor"},
		"neither filer nor path": {"studio: {filer: edge}", "studio: {}", "needs either a filer or a direct folder"},
		"both":                   {"studio: {filer: edge}", "studio: {filer: edge, direct: /x}", "needs either a filer or a direct folder"},
		"pool elsewhere":         {"site: cloud, provider", "site: moon, provider", `at site "moon"`},
		"provider":               {"provider: process", "provider: aws", "this release has: process"},
		"kube without kube":      {"provider: process", "provider: kube", "does not say what its pods are"},
		"azure without azure":    {"provider: process", "provider: azure", "does not say what its machines are"},
		"no command":             {"command: [spillway, agent]", "command: []", "no command"},
		"limits":                 {"max: 2", "max: 2, min: 3", "at least 3 and at most 2"},
		"formula":                {"avg($Pending", "avrg($Pending", "Line 1, Col 9: Undefined function: avrg (did you mean avg?)"},
		"formula's interval":     {"interval: 2m", "interval: 200h", "every 1s to 168h0m0s, not every 200h0m0s"},
		"spot as a floor":        {"spot: true", "spot: true\n    floor: 0.5", "a spot pool and cannot be the floor"},
		"no room for spot":       {"max: 2, price", "max: 2, floor: 1, price", "leaves room for spot nodes"},
		"unknown quota":          {"max: 2, price", "max: 2, quota: cores, price", `the quota "cores", which planner.quotas does not have`},
		"uncountable vcpus":      {"lease: 15s", "lease: 15s\nplanner: {maxVCPUs: 64}", `pool "formula" says no capacity.vcpus`},
		"two goals":              {"lease: 15s", "lease: 15s\nplanner: {queues: {night: {maxWait: 1h, cheapest: true}}}", "exclude each other"},
		"relative source":        {"{path: /mnt/nas}", "{path: mnt/nas}", "not absolute"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(goodConfig, c.old, c.new, 1)
			if text == goodConfig {
				t.Fatal("the test changes nothing")
			}
			err := load(t, text)
			if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "farm.yaml:") {
				t.Errorf("got %v", err)
			}
		})
	}
}
