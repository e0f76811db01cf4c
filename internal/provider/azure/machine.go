package azure

import (
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8"
	"golang.org/x/crypto/ssh"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/provider"
)

// The tags of everything that is made.
const (
	tagPrefix  = "spillway-"
	tagFarm    = tagPrefix + "farm"
	tagPool    = tagPrefix + "pool"
	tagNode    = tagPrefix + "node"
	tagCreated = tagPrefix + "created" // RFC 3339
)

func tag(tags map[string]*string, name string) string {
	if v := tags[name]; v != nil {
		return *v
	}
	return ""
}

// tags returns the pool's tags and more.
func (p *Provider) tags(more map[string]string) map[string]*string {
	out := map[string]*string{tagFarm: &p.c.Farm, tagPool: &p.c.Pool}
	for name, value := range p.c.Spec.Tags {
		out[name] = &value
	}
	for name, value := range more {
		out[name] = &value
	}
	return out
}

// machine is the virtual machine of a node.
func (p *Provider) machine(spec *provider.Spec, regular bool, now time.Time) (armcompute.VirtualMachine, error) {
	s := &p.c.Spec
	custom, err := customData(s, spec)
	if err != nil {
		return armcompute.VirtualMachine{}, err
	}
	vm := armcompute.VirtualMachine{
		Location: &s.Location, Tags: p.tags(map[string]string{tagNode: spec.Name, tagCreated: now.UTC().Format(time.RFC3339Nano)}),
		Identity: identities(s.Identities),
		Properties: &armcompute.VirtualMachineProperties{
			VirtualMachineScaleSet: &armcompute.SubResource{ID: to.Ptr(p.setID())},
			HardwareProfile:        &armcompute.HardwareProfile{VMSize: to.Ptr(armcompute.VirtualMachineSizeTypes(s.Size))},
			StorageProfile:         &armcompute.StorageProfile{ImageReference: image(s.Image), OSDisk: osDisk(&s.Disk)},
			OSProfile: &armcompute.OSProfile{
				ComputerName: to.Ptr(strings.ReplaceAll(spec.Name, ".", "-")), AdminUsername: to.Ptr(orElse(s.User, "spillway")),
				CustomData: &custom, LinuxConfiguration: p.login(),
			},
			NetworkProfile: network(s),
		},
	}
	if s.Zone != "" {
		vm.Zones = []*string{&s.Zone}
	}
	if p.c.Spot && !regular {
		vm.Properties.Priority = to.Ptr(armcompute.VirtualMachinePriorityTypesSpot)
		vm.Properties.EvictionPolicy = to.Ptr(armcompute.VirtualMachineEvictionPolicyTypesDelete)
		if s.Eviction == EvictDeallocate {
			vm.Properties.EvictionPolicy = to.Ptr(armcompute.VirtualMachineEvictionPolicyTypesDeallocate)
		}
		price := s.MaxPrice
		if price == 0 {
			price = -1 // evicted for capacity only, never for its price
		}
		vm.Properties.BillingProfile = &armcompute.BillingProfile{MaxPrice: &price}
	}
	return vm, nil
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func (p *Provider) login() *armcompute.LinuxConfiguration {
	user := orElse(p.c.Spec.User, "spillway")
	return &armcompute.LinuxConfiguration{
		DisablePasswordAuthentication: to.Ptr(true),
		SSH: &armcompute.SSHConfiguration{PublicKeys: []*armcompute.SSHPublicKey{{
			KeyData: &p.key, Path: to.Ptr("/home/" + user + "/.ssh/authorized_keys"),
		}}},
	}
}

func identities(ids []string) *armcompute.VirtualMachineIdentity {
	if len(ids) == 0 {
		return nil
	}
	out := &armcompute.VirtualMachineIdentity{
		Type: to.Ptr(armcompute.ResourceIdentityTypeUserAssigned), UserAssignedIdentities: map[string]*armcompute.UserAssignedIdentitiesValue{},
	}
	for _, id := range ids {
		out.UserAssignedIdentities[id] = &armcompute.UserAssignedIdentitiesValue{}
	}
	return out
}

func image(text string) *armcompute.ImageReference {
	if isResource(text) {
		return &armcompute.ImageReference{ID: &text}
	}
	part := strings.Split(text, ":") // four: Validate has looked
	return &armcompute.ImageReference{Publisher: &part[0], Offer: &part[1], SKU: &part[2], Version: &part[3]}
}

func osDisk(d *Disk) *armcompute.OSDisk {
	disk := &armcompute.OSDisk{
		CreateOption: to.Ptr(armcompute.DiskCreateOptionTypesFromImage), DeleteOption: to.Ptr(armcompute.DiskDeleteOptionTypesDelete),
		ManagedDisk: &armcompute.ManagedDiskParameters{StorageAccountType: to.Ptr(armcompute.StorageAccountTypes(orElse(d.Type, "StandardSSD_LRS")))},
	}
	if d.Size > 0 {
		disk.DiskSizeGB = to.Ptr(int32((d.Size + 1<<30 - 1) >> 30))
	}
	if d.Ephemeral {
		disk.Caching = to.Ptr(armcompute.CachingTypesReadOnly)
		disk.DiffDiskSettings = &armcompute.DiffDiskSettings{Option: to.Ptr(armcompute.DiffDiskOptionsLocal)}
		disk.ManagedDisk = nil
	}
	return disk
}

// network is one interface in the subnet, without a public address, that goes with its machine.
func network(s *Spec) *armcompute.NetworkProfile {
	nic := &armcompute.VirtualMachineNetworkInterfaceConfigurationProperties{
		Primary: to.Ptr(true), DeleteOption: to.Ptr(armcompute.DeleteOptionsDelete),
		IPConfigurations: []*armcompute.VirtualMachineNetworkInterfaceIPConfiguration{{
			Name: to.Ptr("primary"), Properties: &armcompute.VirtualMachineNetworkInterfaceIPConfigurationProperties{
				Primary: to.Ptr(true), Subnet: &armcompute.SubResource{ID: &s.Subnet},
			},
		}},
	}
	if s.SecurityGroup != "" {
		nic.NetworkSecurityGroup = &armcompute.SubResource{ID: &s.SecurityGroup}
	}
	return &armcompute.NetworkProfile{
		NetworkAPIVersion:              to.Ptr(armcompute.NetworkAPIVersionTwoThousandTwentyTwo1101),
		NetworkInterfaceConfigurations: []*armcompute.VirtualMachineNetworkInterfaceConfiguration{{Name: to.Ptr("primary"), Properties: nic}},
	}
}

// nobodysKey returns a public key whose private half is forgotten: Azure makes no machine without a way to log in.
func nobodysKey() (string, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", fault.Wrap(fault.Internal, err, "make a key")
	}
	public, err := ssh.NewPublicKey(&key.PublicKey)
	if err != nil {
		return "", fault.Wrap(fault.Internal, err, "make a key")
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(public))) + " nobody", nil
}
