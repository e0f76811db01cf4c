package azblob

import (
	"context"
	"errors"
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin/blob"
)

// told marks the errors of an identity, which the SDK hides among those of the network.
type told struct{ azcore.TokenCredential }

type noCredentials struct{ error }

func (e *noCredentials) Unwrap() error { return e.error }

// NonRetriable tells the SDK that asking again changes nothing.
func (*noCredentials) NonRetriable() {}

// GetToken asks the identity.
func (t told) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := t.TokenCredential.GetToken(ctx, o)
	if err != nil {
		err = &noCredentials{err}
	}
	return token, err
}

// brief is an answer of the service without its headers and body: URLs of requests may hold a SAS.
type brief struct {
	status int
	code   string
}

func (b *brief) Error() string {
	if b.code == "" {
		return http.StatusText(b.status)
	}
	return b.code
}

// failed says what an error of the SDK means.
func (s *Store) failed(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) {
		return fault.Wrap(fault.Unavailable, context.Canceled, "Azure Blob Storage")
	}
	if none := new(noCredentials); errors.As(err, &none) {
		return fault.WithHint(fault.New(fault.Denied, "there are no credentials for Azure Blob Storage"),
			"give azblob.accountKey or azblob.sas, or set AZURE_CLIENT_ID and its companions, or give this machine an identity")
	}
	var response *azcore.ResponseError
	if !errors.As(err, &response) {
		return fault.WithHint(fault.New(fault.Unavailable, "Azure Blob Storage does not answer"), "check azblob.account, azblob.endpoint and the network")
	}
	return s.answered(&brief{response.StatusCode, response.ErrorCode})
}

func (s *Store) answered(b *brief) error {
	switch bloberror.Code(b.code) {
	case bloberror.ContainerNotFound, bloberror.ContainerBeingDeleted, bloberror.ContainerDisabled:
		return fault.WithHint(fault.New(fault.Unavailable, "container %s: %w: %w", s.name, blob.ErrNoBucket, b),
			"create the container, or correct its name, account and endpoint")
	case bloberror.BlobAlreadyExists, bloberror.ConditionNotMet, bloberror.TargetConditionNotMet, bloberror.SourceConditionNotMet:
		return blob.ErrPrecondition
	case bloberror.InvalidBlockList: // its blocks are gone
		return blob.ErrNotFound
	case bloberror.InvalidRange:
		return blob.ErrRange
	case bloberror.AuthenticationFailed, bloberror.InvalidAuthenticationInfo, bloberror.NoAuthenticationInformation:
		return fault.WithHint(fault.Wrap(fault.Denied, b, "Azure Blob Storage refuses the credentials"),
			"check azblob.account, azblob.accountKey or azblob.sas, and this machine's clock")
	case bloberror.LeaseIDMissing:
		return fault.Wrap(fault.Unavailable, b, "somebody has a lease on the blob")
	}
	switch {
	case b.status == http.StatusNotFound:
		return blob.ErrNotFound
	case b.status == http.StatusPreconditionFailed:
		return blob.ErrPrecondition
	case b.status == http.StatusRequestedRangeNotSatisfiable:
		return blob.ErrRange
	case b.status == http.StatusForbidden || b.status == http.StatusUnauthorized:
		return fault.WithHint(fault.Wrap(fault.Denied, b, "Azure Blob Storage denies access to container "+s.name),
			"the identity needs the role Storage Blob Data Contributor, a SAS the permissions racwdl")
	case b.status == http.StatusInsufficientStorage:
		return fault.Wrap(fault.Exhausted, b, "Azure Blob Storage")
	case b.status >= 500 || b.status == http.StatusTooManyRequests || b.status == http.StatusRequestTimeout || b.status == http.StatusConflict:
		return fault.Wrap(fault.Unavailable, b, "Azure Blob Storage is busy")
	}
	return fault.Wrap(fault.Invalid, b, "Azure Blob Storage refuses the request")
}
