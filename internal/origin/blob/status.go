package blob

import (
	"errors"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// gone says what a store's answer means for a file that is known.
func gone(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nfs.ErrStale
	}
	return status(err)
}

// status says what a store's answer means to a client. Errors with a Kind stay as they are.
func status(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNotFound):
		return nfs.ErrNoEnt
	case errors.Is(err, ErrPrecondition):
		return fault.New(fault.Conflict, "the object was changed by somebody else at the same time")
	}
	return err
}

// byOthers says whether the store refused a call for what it has, which somebody else may have changed.
func byOthers(err error) bool { return errors.Is(err, ErrNotFound) || errors.Is(err, ErrPrecondition) }

// definite says whether the store refused the call, so that nothing was changed.
func definite(err error) bool {
	if byOthers(err) {
		return true
	}
	switch origin.KindOf(err) {
	case fault.Unavailable, fault.Internal:
		return false
	}
	return true
}
