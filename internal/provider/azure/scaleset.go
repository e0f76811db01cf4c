package azure

import (
	"context"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8"

	"github.com/spillway/spillway/internal/fault"
)

// ensureScaleSet makes the pool's scale set if it is not there. An empty one costs nothing, and is never deleted.
func (p *Provider) ensureScaleSet(ctx context.Context) error {
	p.making.Lock()
	defer p.making.Unlock()
	if p.made {
		return nil
	}
	group, name := p.c.Spec.ResourceGroup, p.c.Spec.ScaleSet
	have, err := p.call.sets.Get(ctx, group, name, nil)
	switch {
	case is(err, http.StatusNotFound) && missingKind(err) == fault.NotFound:
		if err = p.makeScaleSet(ctx); err != nil {
			return p.creates.heed(explain(err, "make the scale set "+name))
		}
	case err != nil:
		return p.creates.heed(explain(err, "look for the scale set "+name))
	case have.Properties == nil || have.Properties.OrchestrationMode == nil || *have.Properties.OrchestrationMode != armcompute.OrchestrationModeFlexible:
		return fault.WithHint(fault.New(fault.Invalid, "the scale set %s is not of flexible orchestration", name),
			"name another one in the pool's azure.scaleSet; it is made if it is not there")
	}
	p.made = true
	return nil
}

func (p *Provider) makeScaleSet(ctx context.Context) error {
	set := armcompute.VirtualMachineScaleSet{
		Location: &p.c.Spec.Location, Tags: p.tags(nil),
		Properties: &armcompute.VirtualMachineScaleSetProperties{
			OrchestrationMode: to.Ptr(armcompute.OrchestrationModeFlexible), PlatformFaultDomainCount: to.Ptr[int32](1), // spread as widely as can be
		},
	}
	if p.c.Spec.Zone != "" {
		set.Zones = []*string{&p.c.Spec.Zone}
	}
	p.c.Log.Info("making the scale set", "scaleSet", p.c.Spec.ScaleSet, "location", p.c.Spec.Location)
	poller, err := p.call.sets.BeginCreateOrUpdate(ctx, p.c.Spec.ResourceGroup, p.c.Spec.ScaleSet, set, nil)
	if err != nil {
		return err
	}
	_, err = poller.PollUntilDone(ctx, &runtime.PollUntilDoneOptions{Frequency: p.c.Poll})
	return err
}
