package providertest_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/provider"
	"github.com/spillway/spillway/internal/provider/providertest"
)

func TestFakeConforms(t *testing.T) {
	providertest.Run(t, func(*testing.T) providertest.Fixture {
		f := new(providertest.Fake)
		return providertest.Fixture{
			Provider: f,
			Reopen:   func(*testing.T) provider.Provider { return f },
			Alive:    func(_ *testing.T, name string) bool { return f.Runs(name) },
		}
	})
}

func TestFakeFailsAsTold(t *testing.T) {
	full, lost := fault.New(fault.Exhausted, "no capacity"), errors.New("connection lost")
	var refuse, lose error
	f := &providertest.Fake{
		Refuse: func(op providertest.Op, _ string) error {
			if op == providertest.OpCreate {
				return refuse
			}
			return nil
		},
		Lose: func(providertest.Op, string) error { return lose },
	}
	refuse = full
	if _, err := f.Create(t.Context(), provider.Spec{Name: "n1"}); fault.KindOf(err) != fault.Exhausted || f.Runs("n1") {
		t.Errorf("refused create: %v, runs %v", err, f.Runs("n1"))
	}
	refuse, lose = nil, lost
	if _, err := f.Create(t.Context(), provider.Spec{Name: "n1"}); !errors.Is(err, lost) || !f.Runs("n1") {
		t.Errorf("create whose reply is lost: %v, runs %v", err, f.Runs("n1"))
	}
	lose = nil
	if i, err := f.Create(t.Context(), provider.Spec{Name: "n1"}); err != nil || i.ID != "n1@1" {
		t.Errorf("the repeated create made another machine: %+v, %v", i, err)
	}
	f.PowerOff("n1")
	if f.Runs("n1") {
		t.Error("it runs without power")
	}
	f.Evict("n1")
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.List(canceled); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("list with a canceled context: %v", err)
	}
	if list, err := f.List(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("an evicted machine is listed: %v, %v", list, err)
	}
	want := []string{"refused create n1", "done create n1", "done create n1", "done list"}
	if got := f.Calls(); !slices.Equal(got, want) {
		t.Errorf("calls %q, want %q", got, want)
	}
}
