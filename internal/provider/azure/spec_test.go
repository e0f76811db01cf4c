package azure

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/provider"
)

func good() Spec {
	return Spec{
		Subscription: "5e9f2a10-0c1d-4b7a-9a55-0f6d1f6f7a01", ResourceGroup: "render", Location: "westeurope", Size: "Standard_F16s_v2",
		Image: "Debian:debian-12:12-gen2:latest", Subnet: "/subscriptions/x/resourceGroups/n/providers/Microsoft.Network/virtualNetworks/v/subnets/s",
	}
}

func TestSpecIsChecked(t *testing.T) {
	s := good()
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, breaks := range map[string]func(*Spec){
		"subscription":  func(s *Spec) { s.Subscription = "mine" },
		"resourceGroup": func(s *Spec) { s.ResourceGroup = "a/b" },
		"location":      func(s *Spec) { s.Location = "West Europe" },
		"cloud":         func(s *Spec) { s.Cloud = "mars" },
		"endpoint":      func(s *Spec) { s.Endpoint = "management.azure.com" },
		"scaleSet":      func(s *Spec) { s.ScaleSet = "-x" },
		"zone":          func(s *Spec) { s.Zone = "west" },
		"size":          func(s *Spec) { s.Size = "big" },
		"image":         func(s *Spec) { s.Image = "debian" },
		"subnet":        func(s *Spec) { s.Subnet = "render" },
		"securityGroup": func(s *Spec) { s.SecurityGroup = "open" },
		"identities":    func(s *Spec) { s.Identities = []string{"me"} },
		"disk":          func(s *Spec) { s.Disk.Type = "SSD" },
		"eviction":      func(s *Spec) { s.Eviction = "never" },
		"maxPrice":      func(s *Spec) { s.MaxPrice = -1 },
		"mix":           func(s *Spec) { s.Mix = &Mix{Percent: 101} },
		"user":          func(s *Spec) { s.User = "Root!" },
		"sshKey":        func(s *Spec) { s.SSHKey = "secret" },
		"mount":         func(s *Spec) { s.Mount = "smb" },
		"packages":      func(s *Spec) { s.Packages = []string{"blender; reboot"} },
		"tags":          func(s *Spec) { s.Tags = map[string]string{"spillway-farm": "other"} },
		"program":       func(s *Spec) { s.Program = Program{URL: "https://x/spillway"} },
	} {
		t.Run(name, func(t *testing.T) {
			s := good()
			breaks(&s)
			if err := s.Validate(); fault.KindOf(err) != fault.Invalid {
				t.Errorf("it is taken: %v", err)
			}
		})
	}
}

func decodeCustom(t *testing.T, s *Spec, spec *provider.Spec) cloudConfig {
	t.Helper()
	text, err := customData(s, spec)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	rest, ok := strings.CutPrefix(string(raw), "#cloud-config\n")
	if !ok {
		t.Fatalf("it does not begin as a cloud-config: %.40q", raw)
	}
	var c cloudConfig
	if err := json.Unmarshal([]byte(rest), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCloudInit(t *testing.T) {
	s := good()
	s.Program = Program{URL: "https://files.example/spillway", SHA256: strings.Repeat("Ab", 32)}
	s.Packages = []string{"nfs-common"}
	c := decodeCustom(t, &s, &provider.Spec{Name: "burst-1", Pool: "burst", Site: `cl"oud $x %h`, Server: "https://farm:7410", Token: "secret", CA: []byte("PEM"), VCPUs: 1.5, Memory: 64})
	modes := map[string]string{}
	for _, f := range c.WriteFiles {
		modes[f.Path] = f.Permissions
	}
	if modes[tokenFile] != "0600" || modes[caFile] != "0644" {
		t.Errorf("modes of files: %v", modes)
	}
	unit := c.WriteFiles[2].Content
	for _, want := range []string{`"--site" "cl\"oud $$x %%h"`, `"--vcpus" "1.5"`, `"--memory" "64MiB"`, `"--token-file" "/etc/spillway/join.token"`} {
		if !strings.Contains(unit, want) {
			t.Errorf("the unit has no %s:\n%s", want, unit)
		}
	}
	if strings.Contains(unit, "secret") {
		t.Error("the token stands in the unit, which everybody may read")
	}
	if len(c.RunCommands) != 4 || c.RunCommands[1][4] != strings.Repeat("ab", 32) {
		t.Errorf("commands: %q", c.RunCommands)
	}
	huge := provider.Spec{CA: make([]byte, 1<<17)}
	if _, err := customData(&s, &huge); fault.KindOf(err) != fault.Invalid {
		t.Errorf("custom data of 128 KiB: %v", err)
	}
}

func TestNobodysKeyIsAKey(t *testing.T) {
	text, err := nobodysKey()
	if err != nil {
		t.Fatal(err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(text))
	if err != nil || key.Type() != ssh.KeyAlgoRSA {
		t.Errorf("%q: %v", text, err)
	}
}
