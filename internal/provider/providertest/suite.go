// Package providertest is the conformance suite of providers.
package providertest

import (
	"slices"
	"sync"
	"testing"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/provider"
)

// Fixture is a provider under test.
type Fixture struct {
	Provider provider.Provider
	// Reopen returns a provider that knows what a restarted server would know.
	Reopen func(t *testing.T) provider.Provider
	// Alive reports whether anything of the machine still runs, found without the provider's help.
	Alive func(t *testing.T, name string) bool
}

// Run runs the suite; open makes a fresh fixture for each part.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	for name, test := range map[string]func(*testing.T, Fixture){
		"create and delete":           createAndDelete,
		"create is idempotent":        createTwice,
		"concurrent creates are one":  createConcurrently,
		"delete of an unknown name":   deleteUnknown,
		"delete is idempotent":        deleteTwice,
		"a restart forgets nothing":   restart,
		"bad names are refused":       badNames,
		"machines do not share fates": independent,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func spec(name string) provider.Spec {
	return provider.Spec{Name: name, Pool: "burst", Site: "cloud", Server: "https://127.0.0.1:1", Token: "t-" + name, VCPUs: 1, Memory: 512}
}

func create(t *testing.T, p provider.Provider, name string) provider.Instance {
	t.Helper()
	got, err := p.Create(t.Context(), spec(name))
	if err != nil {
		t.Fatalf("create %s: %v", name, err)
	}
	if got.Name != name || got.ID == "" || got.Pool != "burst" || got.Created.IsZero() {
		t.Fatalf("create %s returned %+v", name, got)
	}
	return got
}

func remove(t *testing.T, f Fixture, name string) {
	t.Helper()
	if err := f.Provider.Delete(t.Context(), name); err != nil {
		t.Fatalf("delete %s: %v", name, err)
	}
	if f.Alive(t, name) {
		t.Fatalf("%s was deleted, and something of it runs", name)
	}
}

func names(t *testing.T, p provider.Provider) []string {
	t.Helper()
	list, err := p.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, i := range list {
		out = append(out, i.Name)
	}
	slices.Sort(out)
	return out
}

func wantNames(t *testing.T, p provider.Provider, want ...string) {
	t.Helper()
	if got := names(t, p); !slices.Equal(got, want) {
		t.Fatalf("the provider lists %v, want %v", got, want)
	}
}

func createAndDelete(t *testing.T, f Fixture) {
	wantNames(t, f.Provider)
	create(t, f.Provider, "n1")
	if !f.Alive(t, "n1") {
		t.Fatal("n1 was created, and nothing of it runs")
	}
	wantNames(t, f.Provider, "n1")
	remove(t, f, "n1")
	wantNames(t, f.Provider)
}

func createTwice(t *testing.T, f Fixture) {
	first := create(t, f.Provider, "n1")
	second := create(t, f.Provider, "n1")
	if first.ID != second.ID || !first.Created.Equal(second.Created) {
		t.Fatalf("the second create made another machine: %+v, %+v", first, second)
	}
	remove(t, f, "n1")
	if third := create(t, f.Provider, "n1"); third.ID == first.ID {
		t.Fatal("a machine that was deleted came back")
	}
	remove(t, f, "n1")
}

func createConcurrently(t *testing.T, f Fixture) {
	var wg sync.WaitGroup
	ids := make([]string, 8)
	for i := range ids {
		wg.Go(func() {
			got, err := f.Provider.Create(t.Context(), spec("n1"))
			if err != nil {
				t.Errorf("create: %v", err)
			}
			ids[i] = got.ID
		})
	}
	wg.Wait()
	if len(slices.Compact(ids)) != 1 {
		t.Errorf("one name, several machines: %v", ids)
	}
	remove(t, f, "n1")
}

func deleteUnknown(t *testing.T, f Fixture) { remove(t, f, "never-made") }

func deleteTwice(t *testing.T, f Fixture) {
	create(t, f.Provider, "n1")
	remove(t, f, "n1")
	remove(t, f, "n1")
}

func restart(t *testing.T, f Fixture) {
	first := create(t, f.Provider, "n1")
	f.Provider = f.Reopen(t)
	wantNames(t, f.Provider, "n1")
	if again := create(t, f.Provider, "n1"); again.ID != first.ID {
		t.Fatalf("after a restart create made another machine: %+v, %+v", first, again)
	}
	remove(t, f, "n1")
}

func badNames(t *testing.T, f Fixture) {
	for _, name := range []string{"", ".", "..", "a/b", "../up", "a b", "-x", "a\x00b", string(make([]byte, 300))} {
		if _, err := f.Provider.Create(t.Context(), spec(name)); fault.KindOf(err) != fault.Invalid {
			t.Errorf("create %q: %v, want invalid", name, err)
		}
	}
	wantNames(t, f.Provider)
}

func independent(t *testing.T, f Fixture) {
	create(t, f.Provider, "n1")
	create(t, f.Provider, "n10")
	remove(t, f, "n1")
	if !f.Alive(t, "n10") {
		t.Fatal("deleting n1 took n10 along")
	}
	wantNames(t, f.Provider, "n10")
	remove(t, f, "n10")
}
