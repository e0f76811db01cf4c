package azure

import (
	"net"
	"net/http"
	"net/url"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v8"

	"github.com/spillway/spillway/internal/fault"
)

// retried are the answers that the SDK itself asks again after. That it is asked too much (429) concerns all of a pool's
// calls at once, and is heeded by gates.
var retried = []int{
	http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
}

// clients are the calls of one subscription.
type clients struct {
	machines *armcompute.VirtualMachinesClient
	sets     *armcompute.VirtualMachineScaleSetsClient
}

func newClients(c *Config) (clients, error) {
	in := cloudOf(&c.Spec)
	who := c.Credential
	if who == nil {
		var err error
		who, err = azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{ClientOptions: azcore.ClientOptions{Cloud: in}})
		if err != nil {
			return clients{}, fault.WithHint(fault.Wrap(fault.Denied, err, "sign in to Azure"), "%s", signInHint)
		}
	}
	options := &arm.ClientOptions{ClientOptions: policy.ClientOptions{
		Cloud: in, Transport: c.Transport, Retry: policy.RetryOptions{StatusCodes: retried, RetryDelay: c.RetryDelay},
		Telemetry: policy.TelemetryOptions{ApplicationID: "spillway"}, InsecureAllowCredentialWithHTTP: isLoopback(c.Spec.Endpoint),
	}}
	factory, err := armcompute.NewClientFactory(c.Spec.Subscription, who, options)
	if err != nil {
		return clients{}, fault.Wrap(fault.Invalid, err, "Azure")
	}
	return clients{machines: factory.NewVirtualMachinesClient(), sets: factory.NewVirtualMachineScaleSetsClient()}, nil
}

func cloudOf(s *Spec) cloud.Configuration {
	in := map[string]cloud.Configuration{"china": cloud.AzureChina, "government": cloud.AzureGovernment}[s.Cloud]
	if in.Services == nil {
		in = cloud.AzurePublic
	}
	if s.Endpoint == "" {
		return in
	}
	manager := in.Services[cloud.ResourceManager]
	manager.Endpoint = s.Endpoint
	return cloud.Configuration{
		ActiveDirectoryAuthorityHost: in.ActiveDirectoryAuthorityHost,
		Services:                     map[cloud.ServiceName]cloud.ServiceConfiguration{cloud.ResourceManager: manager},
	}
}

// isLoopback reports whether a URL stays on this machine: an emulator may be spoken to without TLS.
func isLoopback(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return ip != nil && ip.IsLoopback()
}
