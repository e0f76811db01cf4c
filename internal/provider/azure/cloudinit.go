package azure

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/provider"
)

// Where a machine keeps what it is given.
const (
	home       = "/etc/spillway"
	caFile     = home + "/ca.pem"
	tokenFile  = home + "/join.token"
	unitFile   = "/etc/systemd/system/spillway-agent.service"
	agentDir   = "/var/lib/spillway/agent"
	usualPath  = "/usr/local/bin/spillway"
	metadata   = "http://169.254.169.254" // of every machine of Azure
	customMost = 65535                    // bytes of custom data before base64
)

// cloudConfig is the part of cloud-init's cloud-config that is used. It is written as JSON, which YAML includes.
type cloudConfig struct {
	PackageUpdate bool       `json:"package_update,omitempty"`
	Packages      []string   `json:"packages,omitempty"`
	WriteFiles    []file     `json:"write_files"`
	RunCommands   [][]string `json:"runcmd"`
}

type file struct {
	Path        string `json:"path"`
	Permissions string `json:"permissions"`
	Content     string `json:"content"`
}

// customData is what cloud-init does at a machine's first start: it writes the CA and the join token, fetches the program if
// the image has none, and starts the agent, which joins and mounts its site's filer.
func customData(s *Spec, spec *provider.Spec) (string, error) {
	path := orElse(s.Program.Path, usualPath)
	c := cloudConfig{
		PackageUpdate: len(s.Packages) > 0, Packages: s.Packages,
		WriteFiles: []file{
			{Path: caFile, Permissions: "0644", Content: string(spec.CA)},
			{Path: tokenFile, Permissions: "0600", Content: spec.Token + "\n"},
			{Path: unitFile, Permissions: "0644", Content: unit(path, s, spec)},
		},
	}
	if s.Program.URL != "" {
		part := path + ".part"
		c.RunCommands = append(c.RunCommands,
			[]string{"curl", "--fail", "--silent", "--show-error", "--location", "--retry", "10", "--retry-all-errors", "--create-dirs", "--output", part, s.Program.URL},
			// A machine whose program is not the one that was meant must not join.
			[]string{"sh", "-ec", `echo "$1  $2" | sha256sum --check --status && chmod 0755 "$2" && mv "$2" "$3"`, "sh", strings.ToLower(s.Program.SHA256), part, path})
	}
	c.RunCommands = append(c.RunCommands,
		[]string{"systemctl", "daemon-reload"}, []string{"systemctl", "enable", "--now", "spillway-agent.service"})
	data, err := json.Marshal(c)
	if err != nil {
		return "", fault.Wrap(fault.Internal, err, "cloud-init")
	}
	data = append([]byte("#cloud-config\n"), data...)
	if len(data) > customMost {
		return "", fault.New(fault.Invalid, "what machine %s is to do at its first start takes %d bytes, Azure takes %d", spec.Name, len(data), customMost)
	}
	return base64.StdEncoding.EncodeToString(data), nil
}

// unit is the agent's systemd unit.
func unit(path string, s *Spec, spec *provider.Spec) string {
	args := []string{
		path, "agent", "--server", spec.Server, "--ca", caFile, "--token-file", tokenFile, "--dir", agentDir, "--name", spec.Name,
		"--site", spec.Site, "--pool", spec.Pool, "--instance", spec.Name, "--vcpus", strconv.FormatFloat(spec.VCPUs, 'f', -1, 64),
		"--memory", strconv.FormatUint(spec.Memory, 10) + "MiB", "--mount", orElse(s.Mount, "auto"), "--metadata", metadata,
	}
	for i, a := range args {
		args[i] = quote(a)
	}
	return fmt.Sprintf(`[Unit]
Description=Spillway agent
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
ExecStart=%s
Restart=on-failure
RestartSec=2
KillMode=process
Delegate=yes

[Install]
WantedBy=multi-user.target
`, strings.Join(args, " "))
}

// quote writes an argument as systemd.service(5) reads it: quoted, with specifiers and variables taken literally.
func quote(arg string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "$", "$$", "\n", `\n`).Replace(arg) + `"`
}
