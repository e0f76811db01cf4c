package azure

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/provider"
)

// Config is a pool's provider.
type Config struct {
	Spec Spec
	Farm string // tells farms that share a resource group apart: up to 16 small letters and digits
	Pool string
	Spot bool

	Credential azcore.TokenCredential // nil: environment, workload identity, managed identity or the Azure CLI, the first that works
	Transport  policy.Transporter     // nil: HTTP
	Poll       time.Duration          // between two looks at an operation where Azure does not say; 0: 5 s
	RetryDelay time.Duration          // before the first repeat of a call that failed for a moment; 0: the SDK's
	Log        *slog.Logger
}

// Provider makes virtual machines. It implements provider.Provider.
type Provider struct {
	c    Config
	call clients
	key  string // public key for machines that nobody logs in to

	creates, deletes, reads gate

	// making is held while the scale set is looked for and made.
	making sync.Mutex
	made   bool // guarded by making

	mix mix
}

var _ provider.Provider = (*Provider)(nil)

var (
	validFarm = regexp.MustCompile(`^[a-z0-9]{1,16}$`)
	validName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,44}[A-Za-z0-9])?$`) // with the farm at most 64, Azure's limit
)

// New returns a pool's provider. It calls nothing yet.
func New(c Config) (*Provider, error) {
	if err := c.Spec.Validate(); err != nil {
		return nil, err
	}
	if !validFarm.MatchString(c.Farm) {
		return nil, fault.New(fault.Invalid, "%q cannot tell farms apart", c.Farm)
	}
	if !validName.MatchString(c.Pool) {
		return nil, fault.New(fault.Invalid, "pool %q: machines of Azure cannot be named after it", c.Pool)
	}
	if c.Spec.ScaleSet == "" {
		c.Spec.ScaleSet = "spillway-" + c.Farm + "-" + c.Pool
	}
	if c.Poll == 0 {
		c.Poll = 5 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	calls, err := newClients(&c)
	if err != nil {
		return nil, err
	}
	key := c.Spec.SSHKey
	if key == "" {
		if key, err = nobodysKey(); err != nil {
			return nil, err
		}
	}
	return &Provider{c: c, call: calls, key: key, mix: mix{regular: map[string]bool{}}}, nil
}

// Create asks for the node's virtual machine. A repeated call finds the first one's machine, also one that failed.
func (p *Provider) Create(ctx context.Context, spec provider.Spec) (provider.Instance, error) {
	if !validName.MatchString(spec.Name) {
		return provider.Instance{}, fault.New(fault.Invalid, "%.70q cannot be the name of a machine", spec.Name)
	}
	have, err := p.find(ctx, spec.Name)
	if fault.KindOf(err) != fault.NotFound || err == nil {
		return have, err
	}
	if err := p.creates.open(time.Now()); err != nil {
		return provider.Instance{}, err
	}
	if err := p.ensureScaleSet(ctx); err != nil {
		return provider.Instance{}, err
	}
	regular := p.mix.choose(&p.c, spec.Name)
	machine, err := p.machine(&spec, regular, time.Now())
	if err != nil {
		return provider.Instance{}, err
	}
	only := &armcompute.VirtualMachinesClientBeginCreateOrUpdateOptions{IfNoneMatch: to.Ptr("*")}
	_, err = p.call.machines.BeginCreateOrUpdate(ctx, p.c.Spec.ResourceGroup, p.machineName(spec.Name), machine, only)
	if err != nil && !exists(err) {
		p.mix.forget(spec.Name)
		return provider.Instance{}, p.creates.heed(explain(err, "create machine "+spec.Name))
	}
	return p.find(ctx, spec.Name)
}

// find returns a node's machine. NotFound: there is none. A machine that could not be made is the error why.
func (p *Provider) find(ctx context.Context, node string) (provider.Instance, error) {
	vm, err := p.get(ctx, node)
	if err != nil {
		return provider.Instance{}, err
	}
	if stateOf(vm) == "Deleting" {
		return provider.Instance{}, fault.New(fault.Unavailable, "an earlier machine %s is still being deleted", node)
	}
	got := instance(vm)
	return got, got.Failure
}

// get reads a node's machine and makes sure that it is ours.
func (p *Provider) get(ctx context.Context, node string) (*armcompute.VirtualMachine, error) {
	if err := p.reads.open(time.Now()); err != nil {
		return nil, err
	}
	options := &armcompute.VirtualMachinesClientGetOptions{Expand: to.Ptr(armcompute.InstanceViewTypesInstanceView)}
	got, err := p.call.machines.Get(ctx, p.c.Spec.ResourceGroup, p.machineName(node), options)
	if err != nil {
		if is(err, http.StatusNotFound) && missingKind(err) == fault.NotFound {
			return nil, fault.Wrap(fault.NotFound, err, "machine "+node)
		}
		return nil, p.reads.heed(explain(err, "look for machine "+node))
	}
	if !p.ours(got.Tags) || tag(got.Tags, tagNode) != node {
		err := fault.New(fault.Invalid, "the virtual machine %s is not this pool's: its tags say farm %q, pool %q, node %q",
			p.machineName(node), tag(got.Tags, tagFarm), tag(got.Tags, tagPool), tag(got.Tags, tagNode))
		return nil, fault.WithHint(err, "rename the pool, or give it a resource group of its own")
	}
	return &got.VirtualMachine, nil
}

// Delete deletes the node's machine and follows the operation to its end.
func (p *Provider) Delete(ctx context.Context, name string) error {
	if !validName.MatchString(name) {
		return nil // none of that name can have been made
	}
	if _, err := p.get(ctx, name); err != nil {
		if fault.KindOf(err) == fault.NotFound {
			p.mix.forget(name)
			return nil
		}
		return err
	}
	if err := p.deletes.open(time.Now()); err != nil {
		return err
	}
	force := &armcompute.VirtualMachinesClientBeginDeleteOptions{ForceDeletion: to.Ptr(true)} // nothing on it is waited for
	poller, err := p.call.machines.BeginDelete(ctx, p.c.Spec.ResourceGroup, p.machineName(name), force)
	if err == nil {
		_, err = poller.PollUntilDone(ctx, &runtime.PollUntilDoneOptions{Frequency: p.c.Poll})
	}
	if err != nil && !is(err, http.StatusNotFound) {
		return p.deletes.heed(explain(err, "delete machine "+name))
	}
	p.mix.forget(name)
	return nil
}

// List lists this pool's machines by their tags, whatever their state.
func (p *Provider) List(ctx context.Context) ([]provider.Instance, error) {
	if err := p.reads.open(time.Now()); err != nil {
		return nil, err
	}
	pager := p.call.machines.NewListPager(p.c.Spec.ResourceGroup, &armcompute.VirtualMachinesClientListOptions{
		Filter: to.Ptr("'virtualMachineScaleSet/id' eq '" + p.setID() + "'"), Expand: to.Ptr(armcompute.ExpandTypeForListVMsInstanceView),
	})
	var list []provider.Instance
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if is(err, http.StatusNotFound) && errorCode(err) != "ResourceGroupNotFound" && errorCode(err) != "SubscriptionNotFound" {
			return nil, nil // the scale set has not been made yet
		}
		if err != nil {
			return nil, p.reads.heed(explain(err, "list the machines"))
		}
		for _, vm := range page.Value {
			if p.ours(vm.Tags) && tag(vm.Tags, tagNode) != "" {
				list = append(list, instance(vm))
				p.mix.saw(tag(vm.Tags, tagNode), vm)
			}
		}
	}
	return list, nil
}

func (p *Provider) machineName(node string) string { return node + "-" + p.c.Farm }

func (p *Provider) setID() string {
	return "/subscriptions/" + p.c.Spec.Subscription + "/resourceGroups/" + p.c.Spec.ResourceGroup +
		"/providers/Microsoft.Compute/virtualMachineScaleSets/" + p.c.Spec.ScaleSet
}

// ours reports whether something was made by this farm for this pool.
func (p *Provider) ours(tags map[string]*string) bool {
	return tag(tags, tagFarm) == p.c.Farm && tag(tags, tagPool) == p.c.Pool
}

func stateOf(vm *armcompute.VirtualMachine) string {
	if vm.Properties == nil || vm.Properties.ProvisioningState == nil {
		return ""
	}
	return *vm.Properties.ProvisioningState
}

// instance is a virtual machine as the server knows it.
func instance(vm *armcompute.VirtualMachine) provider.Instance {
	i := provider.Instance{Name: tag(vm.Tags, tagNode), Pool: tag(vm.Tags, tagPool), Running: true}
	i.Created, _ = time.Parse(time.RFC3339Nano, tag(vm.Tags, tagCreated)) // zero: somebody has changed it
	var statuses []*armcompute.InstanceViewStatus
	if vm.Properties != nil {
		if vm.Properties.VMID != nil {
			i.ID = *vm.Properties.VMID
		}
		if vm.Properties.InstanceView != nil {
			statuses = vm.Properties.InstanceView.Statuses
		}
	}
	if i.ID == "" && vm.ID != nil {
		i.ID = *vm.ID
	}
	var reason error
	for _, s := range statuses { // "PowerState/running", "ProvisioningState/failed/AllocationFailed"
		if s == nil || s.Code == nil {
			continue
		}
		switch kind, rest, _ := strings.Cut(*s.Code, "/"); kind {
		case "PowerState":
			i.Running = rest == "running" || rest == "starting"
		case "ProvisioningState":
			if failed, code, _ := strings.Cut(rest, "/"); failed == "failed" {
				reason = fault.New(kindOfCode(code, http.StatusConflict), "%s: %s", code, sentence(s.Message))
			}
		}
	}
	if stateOf(vm) == "Failed" {
		i.Running = false
		if i.Failure = reason; reason == nil {
			i.Failure = fault.New(fault.Exhausted, "Azure could not make the machine")
		}
	}
	return i
}

func sentence(text *string) string {
	if text == nil {
		return "no reason was given"
	}
	return strings.TrimSpace(*text)
}

// exists reports that a PUT was refused because the machine is there.
func exists(err error) bool {
	return is(err, http.StatusPreconditionFailed) || is(err, http.StatusConflict) && errorCode(err) == "PreconditionFailed"
}

func is(err error, status int) bool {
	r, ok := errors.AsType[*azcore.ResponseError](err)
	return ok && r.StatusCode == status
}
