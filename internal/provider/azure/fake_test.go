package azure_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8/fake"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/provider"
	"github.com/spillway/spillway/internal/provider/azure"
)

// sdkFake is a provider over the SDK's own fake servers, one machine of which is there.
func sdkFake(t *testing.T, machines fake.VirtualMachinesServer) *azure.Provider {
	t.Helper()
	if machines.Get == nil {
		machines.Get = func(context.Context, string, string, *armcompute.VirtualMachinesClientGetOptions) (r azfake.Responder[armcompute.VirtualMachinesClientGetResponse], e azfake.ErrorResponder) {
			r.SetResponse(http.StatusOK, armcompute.VirtualMachinesClientGetResponse{VirtualMachine: ourMachine("n1")}, nil)
			return r, e
		}
	}
	p, err := azure.New(azure.Config{
		Spec: goodSpec(), Farm: farm, Pool: "burst", Credential: &azfake.TokenCredential{}, Poll: 1,
		Transport: fake.NewServerFactoryTransport(&fake.ServerFactory{VirtualMachinesServer: machines}),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func ourMachine(node string) armcompute.VirtualMachine {
	return armcompute.VirtualMachine{
		Tags: map[string]*string{
			"spillway-farm": to.Ptr(farm), "spillway-pool": to.Ptr("burst"), "spillway-node": &node, "spillway-created": to.Ptr("2026-01-02T03:04:05Z"),
		},
		Properties: &armcompute.VirtualMachineProperties{ProvisioningState: to.Ptr("Succeeded"), VMID: to.Ptr("id-of-" + node)},
	}
}

type (
	deleteOptions  = armcompute.VirtualMachinesClientBeginDeleteOptions
	deleteResponse = armcompute.VirtualMachinesClientDeleteResponse
)

func TestDeleteFollowsTheOperation(t *testing.T) {
	for name, c := range map[string]struct {
		script func(*azfake.PollerResponder[deleteResponse], *azfake.ErrorResponder)
		kind   fault.Kind
		fails  bool
	}{
		"done after a while": {script: func(p *azfake.PollerResponder[deleteResponse], _ *azfake.ErrorResponder) {
			p.AddNonTerminalResponse(http.StatusAccepted, nil)
			p.AddNonTerminalResponse(http.StatusAccepted, nil)
			p.SetTerminalResponse(http.StatusOK, deleteResponse{}, nil)
		}},
		"fails in the end": {script: func(p *azfake.PollerResponder[deleteResponse], _ *azfake.ErrorResponder) {
			p.AddNonTerminalResponse(http.StatusAccepted, nil)
			p.SetTerminalError(http.StatusConflict, "OperationPreempted")
		}, fails: true, kind: fault.Unavailable},
		"nobody knows": {script: func(p *azfake.PollerResponder[deleteResponse], _ *azfake.ErrorResponder) {
			p.AddPollingError(context.DeadlineExceeded)
		}, fails: true, kind: fault.Unavailable},
		"is locked": {script: func(_ *azfake.PollerResponder[deleteResponse], e *azfake.ErrorResponder) {
			e.SetResponseError(http.StatusConflict, "ScopeLocked")
		}, fails: true, kind: fault.Denied},
		"is gone already": {script: func(_ *azfake.PollerResponder[deleteResponse], e *azfake.ErrorResponder) {
			e.SetResponseError(http.StatusNotFound, "ResourceNotFound")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := sdkFake(t, fake.VirtualMachinesServer{
				BeginDelete: func(_ context.Context, group, machine string, o *deleteOptions) (poll azfake.PollerResponder[deleteResponse], e azfake.ErrorResponder) {
					if machine != "n1-"+farm || o.ForceDeletion == nil || !*o.ForceDeletion {
						t.Errorf("delete of %s with %+v", machine, o)
					}
					c.script(&poll, &e)
					return poll, e
				},
			})
			err := p.Delete(t.Context(), "n1")
			if (err != nil) != c.fails || c.fails && fault.KindOf(err) != c.kind {
				t.Errorf("delete: %v (%v)", err, fault.KindOf(err))
			}
		})
	}
}

func TestNothingForeignIsDeleted(t *testing.T) {
	p := sdkFake(t, fake.VirtualMachinesServer{
		Get: func(context.Context, string, string, *armcompute.VirtualMachinesClientGetOptions) (r azfake.Responder[armcompute.VirtualMachinesClientGetResponse], e azfake.ErrorResponder) {
			vm := ourMachine("n1")
			vm.Tags["spillway-farm"] = to.Ptr("0ther")
			r.SetResponse(http.StatusOK, armcompute.VirtualMachinesClientGetResponse{VirtualMachine: vm}, nil)
			return r, e
		},
		BeginDelete: func(context.Context, string, string, *deleteOptions) (poll azfake.PollerResponder[deleteResponse], e azfake.ErrorResponder) {
			t.Error("another farm's machine is deleted")
			return poll, e
		},
	})
	if err := p.Delete(t.Context(), "n1"); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "0ther") {
		t.Errorf("delete: %v", err)
	}
}

func TestInstanceOfASparseAnswer(t *testing.T) {
	p := sdkFake(t, fake.VirtualMachinesServer{
		Get: func(context.Context, string, string, *armcompute.VirtualMachinesClientGetOptions) (r azfake.Responder[armcompute.VirtualMachinesClientGetResponse], e azfake.ErrorResponder) {
			vm := ourMachine("n1")
			vm.Properties, vm.ID = nil, to.Ptr("/subscriptions/x")
			vm.Tags["spillway-created"] = to.Ptr("yesterday")
			r.SetResponse(http.StatusOK, armcompute.VirtualMachinesClientGetResponse{VirtualMachine: vm}, nil)
			return r, e
		},
	})
	got, err := p.Create(t.Context(), provider.Spec{Name: "n1"})
	if want := (provider.Instance{Name: "n1", Pool: "burst", ID: "/subscriptions/x", Running: true}); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
}
