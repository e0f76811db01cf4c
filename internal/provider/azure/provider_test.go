package azure_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/provider"
	"github.com/spillway/spillway/internal/provider/azure"
	"github.com/spillway/spillway/internal/provider/azure/armtest"
	"github.com/spillway/spillway/internal/provider/providertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const farm = "f00dcafe"

// signedIn is a credential without an identity provider.
type signedIn struct{}

func (signedIn) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "emulated-token", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func goodSpec() azure.Spec {
	return azure.Spec{
		Subscription: armtest.Subscription, ResourceGroup: armtest.Group, Location: "westeurope", Size: "Standard_F16s_v2",
		Image:  "Debian:debian-12:12-gen2:latest",
		Subnet: "/subscriptions/" + armtest.Subscription + "/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/render",
	}
}

func newProvider(t *testing.T, c *armtest.Cloud, change func(*azure.Config)) *azure.Provider {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	config := azure.Config{
		Spec: goodSpec(), Farm: farm, Pool: "burst", Credential: signedIn{}, Poll: time.Millisecond, RetryDelay: time.Millisecond,
		Transport: &http.Client{Transport: transport},
	}
	config.Spec.Endpoint = c.URL
	if change != nil {
		change(&config)
	}
	p, err := azure.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func spec(name string) provider.Spec {
	return provider.Spec{
		Name: name, Pool: "burst", Site: "cloud", Server: "https://farm.example:7410", Token: "one-time", CA: []byte("-----BEGIN CERTIFICATE-----\n"),
		VCPUs: 16, Memory: 32768,
	}
}

func TestConformance(t *testing.T) {
	providertest.Run(t, func(t *testing.T) providertest.Fixture {
		c := armtest.New(t, func(c *armtest.Cloud) { c.Started = func(armtest.Machine) {} })
		settled := settling{newProvider(t, c, nil), c}
		return providertest.Fixture{
			Provider: settled,
			Reopen:   func(t *testing.T) provider.Provider { return settling{newProvider(t, c, nil), c} },
			Alive:    func(_ *testing.T, name string) bool { return c.Runs(name + "-" + farm) },
		}
	})
}

// settling lets the cloud finish what it has accepted before a machine is deleted, as time does.
type settling struct {
	*azure.Provider
	cloud *armtest.Cloud
}

func (s settling) Delete(ctx context.Context, name string) error {
	s.cloud.Settle()
	return s.Provider.Delete(ctx, name)
}

func TestMachineIsWhatThePoolSays(t *testing.T) {
	c := armtest.New(t, nil)
	p := newProvider(t, c, func(c *azure.Config) {
		c.Spot = true
		c.Spec.Zone, c.Spec.Disk.Size, c.Spec.Disk.Ephemeral = "2", 64<<30, true
		c.Spec.Tags = map[string]string{"cost-centre": "lighting"}
		c.Spec.Identities = []string{"/subscriptions/x/resourceGroups/y/providers/Microsoft.ManagedIdentity/userAssignedIdentities/nodes"}
	})
	got, err := p.Create(t.Context(), spec("burst-1"))
	if err != nil {
		t.Fatal(err)
	}
	body := c.Body("burst-1-" + farm)
	text := fmt.Sprint(body)
	for _, want := range []string{
		"spillway-farm:" + farm, "spillway-node:burst-1", "spillway-pool:burst", "cost-centre:lighting", "priority:Spot", "evictionPolicy:Delete",
		"maxPrice:-1", "diskSizeGB:64", "option:Local", "zones:[2]", "deleteOption:Delete", "disablePasswordAuthentication:true", "publisher:Debian",
		"userAssignedIdentities/nodes", "vmSize:Standard_F16s_v2", "ssh-rsa AAAAB3NzaC1yc2E", "virtualMachineScaleSets/spillway-" + farm + "-burst",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the machine has no %s: %s", want, text)
		}
	}
	if strings.Contains(strings.ToLower(text), "publicip") {
		t.Error("the machine has a public address")
	}
	if got.ID == "" || strings.Contains(got.ID, "/") {
		t.Errorf("its ID %q is no vmId", got.ID)
	}
}

func TestPartialSuccess(t *testing.T) {
	c := armtest.New(t, func(c *armtest.Cloud) { c.Cores = 40 }) // room for two machines of 16
	p := newProvider(t, c, nil)
	for i := range 2 {
		if _, err := p.Create(t.Context(), spec(fmt.Sprintf("burst-%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	_, err := p.Create(t.Context(), spec("burst-2"))
	if fault.KindOf(err) != fault.Exhausted || !strings.Contains(err.Error(), "Current Limit: 40") || fault.HintOf(err) == "" {
		t.Fatalf("over the quota: %v (hint %q)", err, fault.HintOf(err))
	}
	calls := len(c.Calls())
	if _, err := p.Create(t.Context(), spec("burst-3")); fault.KindOf(err) != fault.Exhausted {
		t.Fatalf("while the quota is used up: %v", err)
	}
	if puts := count(c.Calls()[calls:], "PUT"); puts != 0 {
		t.Errorf("Azure was asked %d times for more while it has none", puts)
	}
	if list, err := p.List(t.Context()); err != nil || len(list) != 2 {
		t.Errorf("list: %v, %v; want the two that were made", list, err)
	}
}

func count(calls []string, method string) (n int) {
	for _, c := range calls {
		if strings.HasPrefix(c, method+" ") {
			n++
		}
	}
	return n
}

func TestThrottledCallsWait(t *testing.T) {
	var refuse atomic.Bool
	refuse.Store(true)
	c := armtest.New(t, func(c *armtest.Cloud) {
		c.Fail = func(r *http.Request) *armtest.Refusal {
			if refuse.Load() && r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/virtualMachines/") {
				return &armtest.Refusal{Status: 429, Code: "TooManyRequests", Message: "slow down", RetryAfter: 120}
			}
			return nil
		}
	})
	p := newProvider(t, c, nil)
	for i := range 5 {
		_, err := p.Create(t.Context(), spec(fmt.Sprintf("burst-%d", i)))
		if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "slow down") {
			t.Fatalf("throttled create: %v", err)
		}
	}
	if puts := count(c.Calls(), "PUT"); puts != 2 { // the scale set, and one machine
		t.Errorf("%d PUTs, though Azure asked to wait for two minutes", puts)
	}
	if err := p.Delete(t.Context(), "burst-0"); err != nil {
		t.Errorf("creates are throttled, deletes are not: %v", err)
	}
}

func TestLostRepliesMakeNothingTwice(t *testing.T) {
	var lose atomic.Int32
	c := armtest.New(t, func(c *armtest.Cloud) {
		c.Lose = func(r *http.Request) bool { return r.Method != http.MethodGet && lose.Add(-1) >= 0 }
	})
	p := newProvider(t, c, nil)
	lose.Store(9)
	var got provider.Instance
	for tries := 0; ; tries++ {
		var err error
		if got, err = p.Create(t.Context(), spec("burst-1")); err == nil {
			break
		}
		if fault.KindOf(err) != fault.Unavailable || tries > 9 {
			t.Fatal(err)
		}
	}
	if c.Made() != 1 || got.ID == "" {
		t.Errorf("%d machines were made for one record", c.Made())
	}
	c.Settle()
	lose.Store(1)
	for p.Delete(t.Context(), "burst-1") != nil {
	}
	if names := c.Names(); len(names) != 0 {
		t.Errorf("left behind: %v", names)
	}
}

func TestMachineThatFailsLater(t *testing.T) {
	c := armtest.New(t, func(c *armtest.Cloud) {
		c.Refuse = func(string) *armtest.Refusal {
			return &armtest.Refusal{Code: "AllocationFailed", Message: "no room for Standard_F16s_v2 in westeurope"}
		}
	})
	p := newProvider(t, c, nil)
	if _, err := p.Create(t.Context(), spec("burst-1")); err != nil {
		t.Fatal("it was accepted: ", err)
	}
	c.Settle()
	list, err := p.List(t.Context())
	if err != nil || len(list) != 1 || list[0].Running || fault.KindOf(list[0].Failure) != fault.Exhausted || !strings.Contains(list[0].Failure.Error(), "no room") {
		t.Fatalf("list: %+v, %v; want one that failed", list, err)
	}
	if _, err := p.Create(t.Context(), spec("burst-1")); fault.KindOf(err) != fault.Exhausted {
		t.Errorf("create again: %v, want why it failed", err)
	}
	if err := p.Delete(t.Context(), "burst-1"); err != nil || len(c.Names()) != 0 {
		t.Errorf("delete: %v, left %v", err, c.Names())
	}
}

func TestOthersMachinesAreLeftAlone(t *testing.T) {
	c := armtest.New(t, nil)
	mine := newProvider(t, c, func(c *azure.Config) { c.Spec.ScaleSet = "shared" })
	other := newProvider(t, c, func(c *azure.Config) { c.Spec.ScaleSet, c.Pool = "shared", "gpu" })
	if _, err := mine.Create(t.Context(), spec("n1")); err != nil {
		t.Fatal(err)
	}
	c.Settle()
	if list, err := other.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("the other pool lists %v, %v", list, err)
	}
	if err := other.Delete(t.Context(), "n1"); err == nil || !c.Runs("n1-"+farm) {
		t.Errorf("the other pool deleted a machine that is not its own: %v", err)
	}
	if _, err := other.Create(t.Context(), spec("n1")); fault.KindOf(err) != fault.Invalid {
		t.Errorf("the other pool took a machine over: %v", err)
	}
}

func TestListHasAllPages(t *testing.T) {
	c := armtest.New(t, nil)
	p := newProvider(t, c, nil)
	for i := range 10 {
		if _, err := p.Create(t.Context(), spec(fmt.Sprintf("burst-%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := p.List(t.Context()); err != nil || len(list) != 10 {
		t.Errorf("%d of 10 machines are listed: %v", len(list), err)
	}
}

func TestRefusalsAreExplained(t *testing.T) {
	for _, c := range []struct {
		refusal armtest.Refusal
		kind    fault.Kind
		hint    string
	}{
		{armtest.Refusal{Status: 409, Code: "SkuNotAvailable", Message: "not in 'westeurope'"}, fault.Exhausted, "azure.size"},
		{armtest.Refusal{Status: 403, Code: "AuthorizationFailed", Message: "no authorization"}, fault.Denied, "Virtual Machine Contributor"},
		{armtest.Refusal{Status: 403, Code: "RequestDisallowedByPolicy", Message: "disallowed"}, fault.Denied, ""},
		{armtest.Refusal{Status: 409, Code: "AnotherOperationInProgress", Message: "wait"}, fault.Unavailable, ""},
		{armtest.Refusal{Status: 404, Code: "PlatformImageNotFound", Message: "no such image"}, fault.Invalid, "image list"},
		{armtest.Refusal{Status: 400, Code: "InvalidParameter", Message: "osProfile"}, fault.Invalid, ""},
		{armtest.Refusal{Status: 500, Code: "InternalServerError", Message: "oops"}, fault.Unavailable, ""},
	} {
		t.Run(c.refusal.Code, func(t *testing.T) {
			cloud := armtest.New(t, func(e *armtest.Cloud) {
				e.Fail = func(r *http.Request) *armtest.Refusal {
					if r.Method == http.MethodPut {
						return &c.refusal
					}
					return nil
				}
			})
			_, err := newProvider(t, cloud, nil).Create(t.Context(), spec("burst-1"))
			if fault.KindOf(err) != c.kind || !strings.Contains(fault.HintOf(err), c.hint) {
				t.Fatalf("%v is %v with hint %q; want %v, %q", err, fault.KindOf(err), fault.HintOf(err), c.kind, c.hint)
			}
			if text := err.Error(); !strings.Contains(text, c.refusal.Message) || strings.Contains(text, "\n") || strings.Contains(text, "http") {
				t.Errorf("people are shown %q", text)
			}
			if r, ok := errors.AsType[*azcore.ResponseError](err); !ok || r.ErrorCode != c.refusal.Code {
				t.Error("Azure's own answer is lost")
			}
		})
	}
}

func TestUnknownPlacesAreInvalid(t *testing.T) {
	c := armtest.New(t, nil)
	p := newProvider(t, c, func(c *azure.Config) { c.Spec.ResourceGroup = "nowhere" })
	if _, err := p.Create(t.Context(), spec("n1")); fault.KindOf(err) != fault.Invalid || !strings.Contains(fault.HintOf(err), "az group create") {
		t.Errorf("create in a resource group that is not there: %v", err)
	}
	if _, err := p.List(t.Context()); err == nil {
		t.Error("the machines of a resource group that is not there are listed")
	}
}

func TestMixOfRegularAndSpot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := azure.Mix{Regular: rapid.IntRange(0, 20).Draw(t, "regular"), Percent: rapid.IntRange(0, 100).Draw(t, "percent")}
		last := 0
		for n := 1; n < 100; n++ {
			got := m.Wanted(n)
			if got < min(n, m.Regular) || got > n || got < last || got > last+1 {
				t.Fatalf("%+v: %d of %d are regular, after %d of %d", m, got, n, last, n-1)
			}
			last = got
		}
	})
	c := armtest.New(t, nil)
	spot := func(c *azure.Config) { c.Spot, c.Spec.Mix = true, &azure.Mix{Regular: 1, Percent: 50} }
	p := newProvider(t, c, spot)
	for i := range 5 {
		if i == 3 { // a server that starts anew knows what there is from its first list
			p = newProvider(t, c, spot)
			if _, err := p.List(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := p.Create(t.Context(), spec(fmt.Sprintf("n%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	regular := 0
	for _, name := range c.Names() {
		if !strings.Contains(fmt.Sprint(c.Body(name)), "priority:Spot") {
			regular++
		}
	}
	if regular != 3 {
		t.Errorf("%d of 5 machines are regular, want 1 and half of 4", regular)
	}
}
