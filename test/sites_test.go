package test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/provider/process"
)

// sites is a farm with a filer at each of two sites, and a link between them.
type sites struct {
	*testFarm
	edge, cloud *daemon
}

// newSites starts a server, both filers and the link. The nodes are up to the test, and how long they may be silent.
func newSites(t *testing.T, lease time.Duration) *sites {
	t.Helper()
	needsFUSE(t)
	f := newFarm(t)
	edge, edgeControl, edgeWAN, edgeControlWAN := freeAddress(), freeAddress(), freeAddress(), freeAddress()
	cloud, cloudControl := freeAddress(), freeAddress()
	f.configure(fmt.Sprintf(`
lease: %v
heartbeat: 500ms
storage:
  - {name: nas, path: %q, sources: [{path: %q}], sites: {studio: {filer: edge}, cloud: {filer: cloud}}}
filers:
  - {name: edge, control: "https://%s", nfs: %q, export: /nas}
  - {name: cloud, control: "https://%s", nfs: %q, export: /nas, parent: edge}
tokens:
  - {role: filer, names: edge, file: edge.token}
  - {role: filer, names: cloud, file: cloud.token}
  - {role: agent, names: "*", uses: 9, file: agents.token}
`, lease, f.nas, f.nas, edgeControl, edge, cloudControl, cloud))
	f.startServer()
	start(t, f.env, "wan", "--rtt", "20ms", "--bandwidth", "400Mbit/s", "--relay", edgeWAN+"="+edge, "--relay", edgeControlWAN+"="+edgeControl)
	s := &sites{testFarm: f}
	s.edge = s.startSiteFiler("edge", edge, edgeControl, "posix:"+f.nas, "")
	s.cloud = s.startSiteFiler("cloud", cloud, cloudControl, "nfs:"+edgeWAN+"/nas", "https://"+edgeControlWAN)
	return s
}

func (s *sites) startSiteFiler(name, listen, control, origin, parent string) *daemon {
	s.t.Helper()
	config := s.write(name+".yaml", fmt.Sprintf(`name: %s
listen: %s
control: %s
cacheDir: %q
server: {url: %q, ca: %q, tokenFile: %q}
exports: [{path: /nas, origin: %q, parentControl: %q}]
`, name, listen, control, filepath.Join(s.dir, name), s.url(), s.ca(), s.token(name), origin, parent))
	return start(s.t, s.env, "filer", "--config", config)
}

// nodeMark is the environment variable that the processes of one node carry.
const nodeMark = "SPILLWAY_TEST_NODE"

// startNode starts a node at a site, which mounts the site's filer through FUSE.
func (s *sites) startNode(name, site string, attributes ...string) *daemon {
	s.t.Helper()
	args := append(s.agentArgs(name, "--mount", "fuse", "--stop-with-agent", "--site", site), attributes...)
	a := start(s.t, append(s.env, nodeMark+"="+name+s.dir), args...)
	s.agents = append(s.agents, a)
	return a
}

// relay makes six files, of which the first wait until as many tasks run as the farm has vcpus, and then reads them all at a
// node of two.
const relay = `specificationVersion: jobtemplate-2023-09
name: relay
parameterDefinitions:
  - {name: Dir, type: PATH, objectType: DIRECTORY, dataFlow: INOUT}
  - {name: Started, type: STRING}
  - {name: VCPUs, type: INT}
steps:
  - name: Make
    parameterSpace: {taskParameterDefinitions: [{name: Frame, type: INT, range: "1-6"}]}
    script:
      actions:
        onRun: {command: sh, args: ["{{Task.File.Make}}"]}
      embeddedFiles:
        - name: Make
          type: TEXT
          data: |
            set -e
            : > '{{Param.Started}}/{{Task.Param.Frame}}'
            while test $(ls '{{Param.Started}}' | wc -l) -lt {{Param.VCPUs}}; do sleep 0.05; done
            head -c 300000 /dev/urandom > '{{Param.Dir}}/frame_{{Task.Param.Frame}}'
            sleep 0.2
  - name: Sum
    dependencies: [{dependsOn: Make}]
    hostRequirements: {amounts: [{name: amount.worker.vcpu, min: 2}]}
    script:
      actions:
        onRun: {command: sh, args: [-c, "cd '{{Param.Dir}}' && cat frame_1 frame_2 frame_3 frame_4 frame_5 frame_6 > sum"]}
`

const relayPolicy = `steps:
  Make: {outputs: ["{{Param.Dir}}/frame_{{Task.Param.Frame}}"], check: {kind: exists}}
  Sum: {outputs: ["{{Param.Dir}}/sum"], check: {kind: exists}}
`

func (s *sites) submitRelay(vcpus int) restv1.Job {
	s.t.Helper()
	started := filepath.Join(s.dir, "started") // beside the storage: seen at once
	if err := os.Mkdir(started, 0o755); err != nil {
		s.t.Fatal(err)
	}
	return s.submit(s.bundle("relay", relay, relayPolicy), "-p", "Dir="+s.nas, "-p", "Started="+started, "-p", fmt.Sprintf("VCPUs=%d", vcpus))
}

// A job over two sites: each step sees what the other site has written, and every output carries a receipt for what is on
// the NAS.
func TestTwoSites(t *testing.T) {
	t.Parallel()
	s := newSites(t, time.Minute)
	s.startNode("ws-01", "studio")
	s.startNode("burst-1", "cloud", "--vcpus", "2") // the sum runs here
	job := s.submitRelay(3)
	s.succeed(job.ID)
	var all strings.Builder
	for i := range 6 {
		all.WriteString(readFile(t, filepath.Join(s.nas, fmt.Sprintf("frame_%d", i+1))))
	}
	if got := readFile(t, filepath.Join(s.nas, "sum")); got != all.String() {
		t.Errorf("the sum has %d bytes of %d, or other ones", len(got), all.Len())
	}
	where := map[string]int{}
	for _, a := range s.attempts(job.ID) {
		where[a.Site]++
		s.receipted(a)
	}
	if where["studio"] == 0 || where["cloud"] == 0 {
		t.Errorf("attempts by site: %v", where)
	}
	filers, err := s.api.Filers(t.Context())
	if err != nil || len(filers) != 2 || !filers[0].OK || !filers[1].OK {
		t.Errorf("filers: %+v %v", filers, err)
	}
}

// receipted checks that an attempt's outputs are on the NAS as their receipts say, issued by the filer next to it.
func (s *sites) receipted(a restv1.Attempt) {
	s.t.Helper()
	if a.State != "succeeded" || len(a.Outputs) != 1 {
		s.t.Errorf("attempt of %d/%d: %s, %d outputs", a.Step, a.Unit, a.State, len(a.Outputs))
		return
	}
	o := a.Outputs[0]
	data := readFile(s.t, filepath.Join(s.nas, o.Path))
	sum := sha256.Sum256([]byte(data))
	if o.Receipt == nil || o.Receipt.Filer != "edge" || o.Receipt.SHA256 != hex.EncodeToString(sum[:]) || o.Receipt.Size != uint64(len(data)) ||
		o.SHA256 != o.Receipt.SHA256 {
		s.t.Errorf("%s has %d bytes, its receipt is %+v", o.Path, len(data), o.Receipt)
	}
}

// The filer of a site hangs for longer than a lease: its node lives on and is not held for lost, and when the filer goes on
// so does the job.
func TestFilerHangs(t *testing.T) {
	t.Parallel()
	const lease = 8 * time.Second // far more than a busy machine keeps a heartbeat back
	s := newSites(t, lease)
	s.startNode("burst-1", "cloud", "--vcpus", "2")
	job := s.submitRelay(2)
	s.waitFile(filepath.Join(s.nas, "frame_2"))
	if err := s.cloud.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer s.cloud.cmd.Process.Signal(syscall.SIGCONT)
	stopped := s.node("burst-1").LastSeen
	eventually(t, patience, func() error {
		if n := s.node("burst-1"); n.State != "online" {
			t.Fatalf("the node is %s: %s", n.State, n.Reason)
		} else if alive := n.LastSeen.Sub(stopped); alive < lease*3/2 {
			return fmt.Errorf("the node was last seen %v after its filer stopped", alive)
		}
		return nil
	})
	if job := s.job(job.ID); job.State != "active" {
		t.Errorf("the job %s: %s", job.State, job.Reason)
	}
	if err := s.cloud.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.succeed(job.ID)
}

// node returns a node.
func (f *testFarm) node(name string) restv1.Node {
	f.t.Helper()
	nodes, err := f.api.Nodes(f.t.Context(), true)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, n := range nodes {
		if n.ID == name {
			return n
		}
	}
	f.t.Fatalf("there is no node %s", name)
	return restv1.Node{}
}

// torn writes half of its file and waits, on the first node that gets it; any other writes the whole.
const torn = `specificationVersion: jobtemplate-2023-09
name: torn
parameterDefinitions:
  - {name: Dir, type: PATH, objectType: DIRECTORY, dataFlow: INOUT}
steps:
  - name: Make
    script:
      actions:
        onRun: {command: sh, args: ["{{Task.File.Make}}"]}
      embeddedFiles:
        - name: Make
          type: TEXT
          data: |
            set -eu
            cd '{{Param.Dir}}'
            exec > frame
            echo first half
            if mkdir tried; then sleep 1000; fi
            echo second half
`

const tornPolicy = `steps: {Make: {outputs: ["{{Param.Dir}}/frame"], check: {kind: exists}}}
`

// cutPower ends all processes of a node, none of which sees another die.
func (s *sites) cutPower(name string) {
	s.t.Helper()
	if err := process.PowerOff(context.Background(), nodeMark, name+s.dir); err != nil {
		s.t.Fatal(err)
	}
}

// A node loses its power while it writes: its session is fenced, the truncated file is removed, and a second attempt on
// another node brings the whole one.
func TestNodeLosesPower(t *testing.T) {
	t.Parallel()
	s := newSites(t, 5*time.Second)
	agent := s.startNode("burst-1", "cloud")
	job := s.submit(s.bundle("torn", torn, tornPolicy), "-p", "Dir="+s.nas)
	s.waitFile(filepath.Join(s.nas, "tried"))
	eventually(t, patience, func() error {
		if got := readFile(t, filepath.Join(s.nas, "frame")); got != "first half\n" {
			return fmt.Errorf("the frame holds %q", got)
		}
		return nil
	})
	s.cutPower("burst-1")
	<-agent.done
	eventually(t, patience, func() error { // before anybody else may write it
		if _, err := os.Stat(filepath.Join(s.nas, "frame")); err == nil {
			return fmt.Errorf("the truncated frame is still there; the node is %s", s.node("burst-1").State)
		}
		return nil
	})
	s.startNode("ws-01", "studio")
	s.succeed(job.ID)
	if got := readFile(t, filepath.Join(s.nas, "frame")); got != "first half\nsecond half\n" {
		t.Errorf("the frame holds %q", got)
	}
	attempts := s.attempts(job.ID)
	if len(attempts) != 2 {
		t.Fatalf("attempts: %+v", attempts)
	}
	second, lost := attempts[0], attempts[1]
	if lost.State != "lost" || lost.Node != "burst-1" || len(lost.Removed) != 1 || lost.Removed[0].Path != "frame" || lost.Removed[0].Size != 11 {
		t.Errorf("the first attempt: %+v", lost)
	}
	if second.Node != "ws-01" {
		t.Errorf("the second attempt was on %s", second.Node)
	}
	s.receipted(second)
}
