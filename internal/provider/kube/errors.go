package kube

import (
	"strings"

	refused "k8s.io/apimachinery/pkg/api/errors"

	"github.com/spillway/spillway/internal/fault"
)

const rightsHint = "the server needs a role in the namespace with get, list, create, update and delete of pods and secrets"

// explain gives a cluster's answer its kind, and says what to do next. nil stays nil.
func explain(err error, doing string) error {
	switch {
	case err == nil:
		return nil
	case refused.IsForbidden(err) && strings.Contains(err.Error(), "exceeded quota"):
		return fault.WithHint(fault.Wrap(fault.Exhausted, err, doing), "raise the namespace's resource quota, or lower the pool's max")
	case refused.IsForbidden(err) && strings.Contains(err.Error(), "is being terminated"):
		return fault.Wrap(fault.Unavailable, err, doing)
	case refused.IsUnauthorized(err) || refused.IsForbidden(err):
		return fault.WithHint(fault.Wrap(fault.Denied, err, doing), "%s", rightsHint)
	case refused.IsNotFound(err): // of what is to be made: its namespace
		return fault.WithHint(fault.Wrap(fault.Invalid, err, doing), "make the namespace first: kubectl create namespace …")
	case refused.IsInvalid(err) || refused.IsBadRequest(err) || refused.IsRequestEntityTooLargeError(err):
		return fault.Wrap(fault.Invalid, err, doing)
	default: // conflicts, throttling, timeouts, 5xx, no answer
		return fault.Wrap(fault.Unavailable, err, doing)
	}
}
