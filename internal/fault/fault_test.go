package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/spillway/spillway/internal/fault"
)

func TestKindSurvivesWrapping(t *testing.T) {
	cause := fault.New(fault.NotFound, "no file %q: %w", "a.blend", fs.ErrNotExist)
	err := fmt.Errorf("job j1: %w", cause)
	if got := fault.KindOf(err); got != fault.NotFound {
		t.Errorf("KindOf = %v, want not_found", got)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("the cause is lost")
	}
	if got, want := cause.Error(), `no file "a.blend": file does not exist`; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}

func TestHintKeepsKindAndText(t *testing.T) {
	err := fault.WithHint(fault.New(fault.Denied, "token unknown"), "ask for one with %q", "spillway token create")
	if fault.KindOf(err) != fault.Denied || err.Error() != "token unknown" {
		t.Errorf("got %v: %v", fault.KindOf(err), err)
	}
	outer := fault.Wrap(fault.Unavailable, err, "join")
	if got := fault.HintOf(outer); got != `ask for one with "spillway token create"` {
		t.Errorf("HintOf = %q", got)
	}
	if fault.KindOf(outer) != fault.Unavailable {
		t.Error("the outermost kind must win")
	}
}

func TestUnclassified(t *testing.T) {
	for err, want := range map[error]fault.Kind{
		context.DeadlineExceeded: fault.Unavailable,
		errors.New("boom"):       fault.Internal,
	} {
		if got := fault.KindOf(err); got != want {
			t.Errorf("KindOf(%v) = %v, want %v", err, got, want)
		}
	}
	if fault.Wrap(fault.Invalid, nil, "x") != nil || fault.WithHint(nil, "x") != nil {
		t.Error("nil must stay nil")
	}
}

func TestKindNames(t *testing.T) {
	for k := fault.Internal; k <= fault.Denied; k++ {
		if fault.ParseKind(k.String()) != k {
			t.Errorf("%v does not survive its name", k)
		}
	}
	if fault.ParseKind("no such kind") != fault.Internal {
		t.Error("an unknown name must be internal")
	}
}
