package test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/provider/azure/armtest"
	"github.com/spillway/spillway/internal/provider/process"
)

// vmMark is the environment variable of every process of an emulated virtual machine.
const vmMark = "SPILLWAY_TEST_VM"

// vmHost starts and ends the machines of an emulated cloud as processes: what cloud-init and systemd do on a real one.
type vmHost struct {
	f  *testFarm
	wg sync.WaitGroup

	mu       sync.Mutex
	metadata map[string]*armtest.Metadata // of each machine; guarded by mu
}

// serve starts a machine's metadata service and returns its URL.
func (h *vmHost) serve(m armtest.Machine) string {
	service := armtest.NewMetadata(m.Name, m.ID)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.metadata[m.Name] = service
	at := httptest.NewServer(service)
	h.f.t.Cleanup(at.Close)
	return at.URL
}

// of returns a machine's metadata service.
func (h *vmHost) of(name string) *armtest.Metadata {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.metadata[name]
}

func (h *vmHost) mark(name string) string { return filepath.Join(h.f.dir, "vm", name) }

// boot writes the files that the custom data holds and starts the agent's unit, both below a folder of the machine's own.
func (h *vmHost) boot(m armtest.Machine) {
	h.wg.Go(func() {
		dir := h.mark(m.Name)
		var c struct {
			WriteFiles []struct{ Path, Permissions, Content string } `json:"write_files"`
			RunCmd     [][]string                                    `json:"runcmd"`
		}
		text, isConfig := strings.CutPrefix(string(m.CustomData), "#cloud-config\n")
		if err := json.Unmarshal([]byte(text), &c); err != nil || !isConfig {
			h.f.t.Errorf("custom data of %s: %v", m.Name, err)
			return
		}
		var unit string
		here := strings.NewReplacer("http://169.254.169.254", h.serve(m), `"/etc/spillway/`, `"`+dir+"/etc/spillway/", `"/var/lib/`, `"`+dir+"/var/lib/")
		for _, f := range c.WriteFiles {
			path := filepath.Join(dir, f.Path)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				h.f.t.Error(err)
			}
			if err := os.WriteFile(path, []byte(f.Content), 0o600); err != nil {
				h.f.t.Error(err)
			}
			if strings.HasSuffix(f.Path, ".service") {
				unit = f.Content
			}
		}
		_, line, _ := strings.Cut(unit, "\nExecStart=")
		line, _, _ = strings.Cut(line, "\n")
		argv := strings.Split(strings.Trim(here.Replace(line), `"`), `" "`)
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Env = append(append(os.Environ(), h.f.env...), vmMark+"="+dir)
		log, err := os.Create(dir + ".log")
		if err != nil {
			h.f.t.Error(err)
			return
		}
		defer log.Close()
		cmd.Stdout, cmd.Stderr = log, log
		_ = cmd.Run() // it ends when the machine does
	})
}

// halt is a machine's end: nothing of it is asked.
func (h *vmHost) halt(name string) {
	h.wg.Go(func() {
		if err := process.EndByEnv(context.Background(), vmMark, h.mark(name), 0); err != nil {
			h.f.t.Errorf("machine %s: %v", name, err)
		}
	})
}

// azureFarm is a farm without nodes of its own and a pool of an emulated Azure.
func azureFarm(t *testing.T) (*testFarm, *armtest.Cloud, *vmHost) {
	t.Helper()
	f := newFarm(t)
	host := &vmHost{f: f, metadata: map[string]*armtest.Metadata{}}
	cloud := armtest.New(t, func(c *armtest.Cloud) {
		c.Started, c.Ended, c.Polls, c.Takes = host.boot, host.halt, 2, 300*time.Millisecond
	})
	t.Cleanup(func() {
		for _, name := range cloud.Names() {
			cloud.Evict(name)
		}
		host.wg.Wait()
	})
	f.env = append(f.env, cloud.Environment()...)
	f.configure(fmt.Sprintf(`
lease: 60s
heartbeat: 500ms
planner: {interval: 200ms, maxWait: 1s}
storage:
  - {name: nas, path: %q, sources: [{path: %q}], sites: {cloud: {direct: %q}}}
pools:
  - name: burst
    site: cloud
    provider: azure
    max: 2
    capacity: {vcpus: 2, memory: 1GiB}
    idle: 1s
    boot: 1s
    spot: true
    azure:
      endpoint: %s
      subscription: %s
      resourceGroup: %s
      location: westeurope
      size: Standard_F2s_v2
      image: Debian:debian-12:12-gen2:latest
      subnet: /subscriptions/x/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/render
      program: {path: %q}
`, f.nas, f.nas, f.nas, cloud.URL, armtest.Subscription, armtest.Group, spillway(t)))
	f.startServer()
	return f, cloud, host
}

const twoFrames = `
specificationVersion: jobtemplate-2023-09
name: two frames
steps:
  - name: render
    parameterSpace:
      taskParameterDefinitions:
        - {name: Frame, type: INT, range: "1-2"}
    script:
      actions:
        onRun: {command: sh, args: ["-c", "echo frame {{Task.Param.Frame}}"]}
`

// TestAzureScaleSet runs a job on virtual machines of an emulated Resource Manager: they are made, join by what cloud-init
// gives them, work, and are deleted, over a server that is killed meanwhile.
func TestAzureScaleSet(t *testing.T) {
	f, cloud, _ := azureFarm(t)
	job := f.submit(f.bundle("two", twoFrames, ""))
	eventually(t, patience, func() error {
		if cloud.Made() == 0 {
			return errors.New("no machine is asked for")
		}
		return nil
	})
	f.server.kill()
	f.startServer()
	f.succeed(job.ID)
	for _, a := range f.attempts(job.ID) {
		if !strings.HasPrefix(a.Node, "burst-") {
			t.Errorf("a frame ran on %q", a.Node)
		}
	}
	eventually(t, patience, func() error {
		if names := cloud.Names(); len(names) > 0 {
			return fmt.Errorf("idle machines are not deleted: %v", names)
		}
		return nil
	})
	if made := cloud.Made(); made > 2 {
		t.Errorf("%d machines were made for a pool of at most 2", made)
	}
}

// TestAzurePreemption takes a spot machine back while it renders: its frame runs again on another one, at no retry's cost.
func TestAzurePreemption(t *testing.T) {
	f, cloud, host := azureFarm(t)
	script := fmt.Sprintf(`
specificationVersion: jobtemplate-2023-09
name: long frame
steps:
  - name: render
    script:
      actions:
        onRun: {command: sh, args: ["-c", "[ -e %[1]s/again ] && exit 0; touch %[1]s/again; sleep 1000"]}
`, f.nas)
	job := f.submit(f.bundle("long", script, "retries: 0\n"))
	eventually(t, patience, func() error { _, err := os.Stat(filepath.Join(f.nas, "again")); return err })
	first := f.attempts(job.ID)[0]
	var machine string
	for _, name := range cloud.Names() {
		if strings.HasPrefix(name, first.Node+"-") {
			machine = name
		}
	}
	host.of(machine).Schedule(armtest.Event{
		ID: "e1", Type: "Preempt", Resources: []string{machine}, NotBefore: time.Now().Add(2 * time.Second), Approved: func() { cloud.Evict(machine) },
	})
	f.succeed(job.ID)
	all := f.attempts(job.ID)
	if len(all) != 2 || all[0].Node == first.Node || all[1].State == "failed" {
		t.Errorf("attempts: %+v", all)
	}
	if got := host.of(machine).Approved(); len(got) != 1 {
		t.Errorf("approved: %v", got)
	}
}
