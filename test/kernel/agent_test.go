package kernel

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spillway/spillway/test/kernel/rig"
	"github.com/spillway/spillway/test/kernel/wire"
)

// testAgent runs a node in a guest: its agent joins the farm, opens a session at the filer and mounts it with the guest's
// kernel. A job reads and writes there, and its output lands with a receipt.
func testAgent(t *testing.T, on guest) {
	dir, nas := t.TempDir(), folder(t, "nas")
	server, control := rig.Host+":7410", rig.Host+":7420"
	ca, token := filepath.Join(dir, "server/ca.pem"), func(name string) string { return filepath.Join(dir, "server", name+".token") }
	config := put(t, filepath.Join(dir, "farm.yaml"), fmt.Sprintf(`
storage:
  - {name: nas, path: %q, sources: [{path: %q}], sites: {studio: {filer: edge}}}
filers:
  - {name: edge, control: "https://%s", nfs: "%s:2049", export: /nas}
tokens:
  - {role: filer, names: edge, file: edge.token}
  - {role: agent, names: "*", uses: 9, file: agents.token}
`, nas, nas, control, rig.Host))
	startDaemon(t, "server", "--config", config, "--dir", filepath.Join(dir, "server"), "--listen", server)
	config = put(t, filepath.Join(dir, "edge.yaml"), fmt.Sprintf(`name: edge
listen: "%s:2049"
control: %q
cacheDir: %q
allowPlain: false
server: {url: "https://%s", ca: %q, tokenFile: %q}
exports: [{path: /nas, origin: "posix:%s"}]
`, rig.Host, control, filepath.Join(dir, "cache"), server, ca, token("edge"), nas))
	startDaemon(t, "filer", "--config", config)

	for name, from := range map[string]string{"ca.pem": ca, "agents.token": token("agents")} {
		put(t, filepath.Join(on.Root, "opt", name), get(t, from))
	}
	on.background(t, wire.Command{
		Args: []string{
			"/opt/spillway", "agent", "--dir", "/tmp/agent", "--name", on.Name, "--site", "studio", "--mount", "kernel", "--stop-with-agent",
			"--server", "https://" + server, "--ca", "/opt/ca.pem", "--token-file", "/opt/agents.token",
		},
	})
	put(t, filepath.Join(nas, "scene"), "a scene")
	put(t, filepath.Join(dir, "job/template.yaml"), oneTask)
	put(t, filepath.Join(dir, "job/spillway.yaml"), oneTaskPolicy)
	p, err := built()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.spillway, "job", "submit", filepath.Join(dir, "job"), "-p", "Dir="+nas, "--follow")
	cmd.Env = append(os.Environ(), "XDG_CONFIG_HOME="+dir, "SPILLWAY_SERVER=https://"+server, "SPILLWAY_CA="+ca,
		"SPILLWAY_TOKEN="+strings.TrimSpace(get(t, token("admin"))))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("job submit: %v\n%s\nthe node's mounts:\n%s", err, tail(string(out), 30), on.sh(t, time.Minute, "busybox grep -v hostfs /proc/mounts"))
	}
	if got := get(t, filepath.Join(nas, "picture")); got != "a scene, rendered\n" {
		t.Errorf("the job wrote %q", got)
	}
	mounts := on.sh(t, time.Minute, "busybox grep /tmp/agent /proc/mounts")
	if !strings.Contains(mounts, " nfs ") || !strings.Contains(mounts, "vers=3") {
		t.Errorf("the agent's mount is not the kernel's:\n%s", mounts)
	}
}

const oneTask = `specificationVersion: jobtemplate-2023-09
name: one task
parameterDefinitions:
  - {name: Dir, type: PATH, objectType: DIRECTORY, dataFlow: INOUT}
steps:
  - name: Render
    script:
      actions:
        onRun:
          command: busybox
          args: [sh, -ec, "read line < '{{Param.Dir}}/scene' || true; echo \"$line, rendered\" > '{{Param.Dir}}/picture'"]
`

const oneTaskPolicy = `steps:
  Render: {outputs: ["{{Param.Dir}}/picture"], check: {kind: exists}}
`

func put(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func get(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
