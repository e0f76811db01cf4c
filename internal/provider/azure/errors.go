package azure

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/spillway/spillway/internal/fault"
)

const signInHint = "give the server a managed identity or AZURE_TENANT_ID, AZURE_CLIENT_ID and a secret or certificate; " +
	"it needs the role Virtual Machine Contributor in the resource group, and Network Contributor on the subnet"

// explain says in one sentence what Azure answered, with its kind and what to do next. The answer itself stays in the chain.
func explain(err error, doing string) error {
	if _, ok := errors.AsType[*azidentity.AuthenticationFailedError](err); ok {
		return fault.WithHint(fault.Wrap(fault.Denied, err, doing+": sign in to Azure"), "%s", signInHint)
	}
	r, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok {
		return fault.Wrap(fault.Unavailable, err, doing+": Azure does not answer")
	}
	code, message := answer(r)
	kind := kindOfCode(code, r.StatusCode)
	out := error(&refusal{text: doing + ": " + code + ": " + message, cause: r})
	if hint := hints[code]; hint != "" {
		return fault.WithHint(fault.Wrap(kind, out, ""), "%s", hint)
	}
	switch {
	case isQuota(code, message):
		return fault.WithHint(fault.Wrap(fault.Exhausted, out, ""), "ask Azure for more quota of this size's family, or lower the pool's max")
	case kind == fault.Denied:
		return fault.WithHint(fault.Wrap(kind, out, ""), "%s", signInHint)
	}
	return fault.Wrap(kind, out, "")
}

// refusal is an answer of Azure in one line. The SDK's own error prints the whole HTTP exchange.
type refusal struct {
	text  string
	cause *azcore.ResponseError
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.cause }

// answer returns an answer's code and message, the most exact that is in it.
func answer(r *azcore.ResponseError) (code, message string) {
	code, message = r.ErrorCode, http.StatusText(r.StatusCode)
	if r.RawResponse == nil {
		return code, message
	}
	body, err := runtime.Payload(r.RawResponse)
	if err != nil {
		return code, message
	}
	type inner struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	var got struct {
		Error struct {
			inner
			Details []inner `json:"details"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &got) != nil || got.Error.Message == "" {
		return code, message
	}
	code, message = got.Error.Code, got.Error.Message
	if len(got.Error.Details) > 0 && got.Error.Details[0].Message != "" {
		code, message = got.Error.Details[0].Code, got.Error.Details[0].Message
	}
	return code, strings.Join(strings.Fields(message), " ")
}

func errorCode(err error) string {
	if r, ok := errors.AsType[*azcore.ResponseError](err); ok {
		code, _ := answer(r)
		return code
	}
	return ""
}

// codes are the answers whose kind does not follow from their HTTP status.
// Source: "Troubleshoot common Azure deployment errors" and "Allocation failures" of Azure's documentation.
var codes = map[string]fault.Kind{
	"QuotaExceeded": fault.Exhausted, "ResourceQuotaExceeded": fault.Exhausted, "SubscriptionQuotaExceeded": fault.Exhausted,
	"SkuNotAvailable": fault.Exhausted, "AllocationFailed": fault.Exhausted, "ZonalAllocationFailed": fault.Exhausted,
	"OverconstrainedAllocationRequest": fault.Exhausted, "OverconstrainedZonalAllocationRequest": fault.Exhausted,
	"NotAvailableForSubscription": fault.Exhausted, "SpotVirtualMachineNotAvailable": fault.Exhausted,

	"RequestDisallowedByPolicy": fault.Denied, "ScopeLocked": fault.Denied, "ReadOnlyDisabledSubscription": fault.Denied,

	"ResourceGroupNotFound": fault.Invalid, "SubscriptionNotFound": fault.Invalid, "ParentResourceNotFound": fault.Invalid,
	"PlatformImageNotFound": fault.Invalid, "ImageNotFound": fault.Invalid, "GalleryImageNotFound": fault.Invalid,
	"NoRegisteredProviderFound": fault.Invalid, "MissingSubscriptionRegistration": fault.Invalid,
}

var hints = map[string]string{
	"SkuNotAvailable":                 "the region or zone has none of this size at the moment: another azure.zone, azure.location or azure.size may have some",
	"AllocationFailed":                "the region has no room for this size at the moment: another azure.zone, azure.location or azure.size may have some",
	"ZonalAllocationFailed":           "the zone has no room for this size at the moment: leave azure.zone out, or choose another one",
	"ResourceGroupNotFound":           "make the resource group first: az group create",
	"PlatformImageNotFound":           "az vm image list --publisher … --all shows what there is",
	"MissingSubscriptionRegistration": "az provider register --namespace Microsoft.Compute",
}

func kindOfCode(code string, status int) fault.Kind {
	if kind, ok := codes[code]; ok {
		return kind
	}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fault.Denied
	case http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity:
		return fault.Invalid
	default: // 409: something else is being done to it; 429; 5xx
		return fault.Unavailable
	}
}

// isQuota: Azure says OperationNotAllowed of a quota, and of much else.
func isQuota(code, message string) bool {
	return code == "OperationNotAllowed" && strings.Contains(strings.ToLower(message), "quota")
}

// missingKind tells a resource that is not there from a place where it cannot be.
func missingKind(err error) fault.Kind {
	if kind, ok := codes[errorCode(err)]; ok {
		return kind
	}
	return fault.NotFound
}

// gate holds calls of one sort back while Azure asks for it.
type gate struct {
	mu    sync.Mutex
	until time.Time // guarded by mu
	why   error     // guarded by mu
}

const (
	throttledFor = 10 * time.Second // where Azure does not say
	exhaustedFor = time.Minute      // capacity does not come back sooner
	longestHold  = 15 * time.Minute
)

// open returns why no call may be made now.
func (g *gate) open(now time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now.Before(g.until) {
		return fault.Wrap(fault.KindOf(g.why), g.why, "not asked again before "+g.until.UTC().Format(time.TimeOnly)+" UTC")
	}
	return nil
}

// heed closes the gate for a while if the error asks for it, and returns the error.
func (g *gate) heed(err error) error {
	hold := time.Duration(0)
	switch {
	case is(err, http.StatusTooManyRequests):
		hold = throttledFor
		if r, ok := errors.AsType[*azcore.ResponseError](err); ok && r.RawResponse != nil {
			if s, err := strconv.Atoi(r.RawResponse.Header.Get("Retry-After")); err == nil && s > 0 {
				hold = min(time.Duration(s)*time.Second, longestHold)
			}
		}
	case fault.KindOf(err) == fault.Exhausted:
		hold = exhaustedFor
	default:
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if until := time.Now().Add(hold); until.After(g.until) {
		g.until, g.why = until, err
	}
	return err
}
