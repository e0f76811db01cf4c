package azure

import (
	"encoding/hex"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/fault"
)

// Spec is what a pool's configuration says of its machines.
type Spec struct {
	Subscription  string `yaml:"subscription,required"`
	ResourceGroup string `yaml:"resourceGroup,required"`
	Location      string `yaml:"location,required"`
	Cloud         string `yaml:"cloud"`    // public (the default), china or government
	Endpoint      string `yaml:"endpoint"` // of the Resource Manager, where it is not the cloud's own

	ScaleSet      string            `yaml:"scaleSet"` // by default spillway-FARM-POOL; made if it is not there
	Zone          string            `yaml:"zone"`     // 1, 2 or 3; by default Azure chooses
	Size          string            `yaml:"size,required"`
	Image         string            `yaml:"image,required"` // a resource ID, or PUBLISHER:OFFER:SKU:VERSION
	Disk          Disk              `yaml:"disk"`
	Subnet        string            `yaml:"subnet,required"` // a resource ID; machines get no public address
	SecurityGroup string            `yaml:"securityGroup"`   // a resource ID
	Identities    []string          `yaml:"identities"`      // resource IDs of managed identities that the machines have
	Eviction      Eviction          `yaml:"eviction"`        // of spot machines
	MaxPrice      float64           `yaml:"maxPrice"`        // of a spot machine per hour; 0: up to the regular price
	Mix           *Mix              `yaml:"mix"`             // of regular and spot machines; nil: all alike
	User          string            `yaml:"user"`            // who may log in
	SSHKey        string            `yaml:"sshKey"`          // with which public key; empty: nobody
	Program       Program           `yaml:"program"`
	Packages      []string          `yaml:"packages"` // Debian packages that are installed at the first start
	Mount         string            `yaml:"mount"`    // of the agent: auto, kernel or fuse
	Tags          map[string]string `yaml:"tags"`     // besides Spillway's own
}

// Disk is a machine's system disk.
type Disk struct {
	Type      string       `yaml:"type"`      // Standard_LRS, StandardSSD_LRS (the default) or Premium_LRS
	Size      config.Bytes `yaml:"size"`      // by default the image's
	Ephemeral bool         `yaml:"ephemeral"` // on the host's own disk: faster and free, gone with the machine
}

// Mix says how many machines of a spot pool are regular ones.
type Mix struct {
	Regular int `yaml:"regular"` // the first so many
	Percent int `yaml:"percent"` // and of those above it
}

// Program is where machines have Spillway's binary from.
type Program struct {
	Path   string `yaml:"path"`   // on the machine; by default /usr/local/bin/spillway
	URL    string `yaml:"url"`    // where it is fetched from at the first start; empty: the image has it
	SHA256 string `yaml:"sha256"` // of what is fetched
}

// Eviction is what becomes of a spot machine that is taken away.
type Eviction string

// The policies.
const (
	EvictDelete     Eviction = "delete" // it is gone, and its disk with it
	EvictDeallocate Eviction = "deallocate"
)

var (
	validGUID   = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	validGroup  = regexp.MustCompile(`^[-\w.()]{0,89}[-\w()]$`)
	validSet    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}[A-Za-z0-9_]$`)
	validPlace  = regexp.MustCompile(`^[a-z0-9]{2,40}$`)
	validUser   = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)
	validPacket = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]{0,127}$`)
)

// Validate reports what Azure would refuse later, with the key it stands under.
func (s *Spec) Validate() error {
	for _, c := range []struct {
		key, value, want string
		ok               bool
	}{
		{"subscription", s.Subscription, "a subscription's ID, such as 5e9f2a10-…", validGUID.MatchString(s.Subscription)},
		{"resourceGroup", s.ResourceGroup, "the name of a resource group", validGroup.MatchString(s.ResourceGroup)},
		{"location", s.Location, "a region, such as westeurope", validPlace.MatchString(s.Location)},
		{"cloud", s.Cloud, "public, china or government", slices.Contains([]string{"", "public", "china", "government"}, s.Cloud)},
		{"endpoint", s.Endpoint, "a URL", s.Endpoint == "" || isURL(s.Endpoint, "https", "http")},
		{"scaleSet", s.ScaleSet, "the name of a scale set", s.ScaleSet == "" || validSet.MatchString(s.ScaleSet)},
		{"zone", s.Zone, "1, 2 or 3", slices.Contains([]string{"", "1", "2", "3"}, s.Zone)},
		{"size", s.Size, "a size, such as Standard_F16s_v2", strings.HasPrefix(s.Size, "Standard_") || strings.HasPrefix(s.Size, "Basic_")},
		{"image", s.Image, "a resource ID or PUBLISHER:OFFER:SKU:VERSION", isResource(s.Image) || len(strings.Split(s.Image, ":")) == 4},
		{"disk", s.Disk.Type, "of type Standard_LRS, StandardSSD_LRS or Premium_LRS", slices.Contains([]string{"", "Standard_LRS", "StandardSSD_LRS", "Premium_LRS"}, s.Disk.Type)},
		{"subnet", s.Subnet, "a subnet's resource ID", isResource(s.Subnet) && strings.Contains(s.Subnet, "/subnets/")},
		{"securityGroup", s.SecurityGroup, "a resource ID", s.SecurityGroup == "" || isResource(s.SecurityGroup)},
		{"eviction", string(s.Eviction), "delete or deallocate", slices.Contains([]Eviction{"", EvictDelete, EvictDeallocate}, s.Eviction)},
		{"user", s.User, "a user's name", s.User == "" || validUser.MatchString(s.User)},
		{"mount", s.Mount, "auto, kernel or fuse", slices.Contains([]string{"", "auto", "kernel", "fuse"}, s.Mount)},
	} {
		if !c.ok {
			return config.At(c.key, fault.New(fault.Invalid, "%q is not %s", c.value, c.want))
		}
	}
	return s.validateLists()
}

func (s *Spec) validateLists() error {
	for _, id := range s.Identities {
		if !isResource(id) {
			return config.At("identities", fault.New(fault.Invalid, "%q is not a managed identity's resource ID", id))
		}
	}
	for _, name := range s.Packages {
		if !validPacket.MatchString(name) {
			return config.At("packages", fault.New(fault.Invalid, "%q is not a package's name", name))
		}
	}
	for name, value := range s.Tags { // limits: Azure Resource Manager, "Use tags"
		if name == "" || len(name) > 512 || len(value) > 256 || strings.ContainsAny(name, `<>%&\?/`) || strings.HasPrefix(name, tagPrefix) {
			return config.At("tags", fault.New(fault.Invalid, "%.60q cannot be a tag of yours", name))
		}
	}
	if sum, err := hex.DecodeString(s.Program.SHA256); s.Program.URL != "" && (err != nil || len(sum) != 32 || !isURL(s.Program.URL, "https")) {
		return config.At("program", fault.New(fault.Invalid, "a program that is fetched needs an https URL and its SHA-256"))
	}
	if s.Program.Path != "" && (s.Program.Path[0] != '/' || strings.ContainsAny(s.Program.Path, " \t\n\"'\\%$")) {
		return config.At("program", fault.New(fault.Invalid, "%q is not a plain absolute path", s.Program.Path))
	}
	if s.SSHKey != "" && len(strings.Fields(s.SSHKey)) < 2 {
		return config.At("sshKey", fault.New(fault.Invalid, "it is not a public key: KIND BASE64 COMMENT"))
	}
	if m := s.Mix; m != nil && (m.Regular < 0 || m.Percent < 0 || m.Percent > 100) {
		return config.At("mix", fault.New(fault.Invalid, "%d machines and %d %% of the others cannot be regular", m.Regular, m.Percent))
	}
	if s.MaxPrice < 0 {
		return config.At("maxPrice", fault.New(fault.Invalid, "a price is not negative"))
	}
	return nil
}

func isResource(id string) bool { return strings.HasPrefix(strings.ToLower(id), "/subscriptions/") }

func isURL(text string, schemes ...string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && slices.Contains(schemes, u.Scheme)
}
