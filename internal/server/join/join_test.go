package join_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
	"github.com/spillway/spillway/internal/server/join"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func csr(t *testing.T) []byte {
	t.Helper()
	_, der, err := identity.NewKeyAndCSR()
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func TestTokenIsGoodOnceForOneKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "join.json")
	table, err := join.OpenTable(file)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := table.Mint(join.Grant{Role: identity.RoleAgent, Names: "ws-*", Site: "studio"}, now)
	if err != nil {
		t.Fatal(err)
	}
	first, second := csr(t), csr(t)
	if m, err := table.Redeem(secret, identity.RoleAgent, "ws-01", first, now); err != nil || m.Site != "studio" {
		t.Fatal(m, err)
	}
	if table, err = join.OpenTable(file); err != nil { // all of it survives
		t.Fatal(err)
	}
	if _, err := table.Redeem(secret, identity.RoleAgent, "ws-01", first, now.Add(time.Hour)); err != nil {
		t.Error("the same key again:", err)
	}
	for what, try := range map[string]func() error{
		"another key":  func() error { _, err := table.Redeem(secret, identity.RoleAgent, "ws-02", second, now); return err },
		"another role": func() error { _, err := table.Redeem(secret, identity.RoleFiler, "ws-01", first, now); return err },
		"another name": func() error { _, err := table.Redeem(secret, identity.RoleAgent, "burst-1", first, now); return err },
		"a late one": func() error {
			_, err := table.Redeem(secret, identity.RoleAgent, "ws-01", first, now.Add(25*time.Hour))
			return err
		},
		"a made-up one": func() error { _, err := table.Redeem("spw_X", identity.RoleAgent, "ws-01", first, now); return err },
	} {
		if err := try(); fault.KindOf(err) != fault.Denied {
			t.Errorf("%s: %v", what, err)
		}
	}
	subject := identity.Subject{Role: identity.RoleAgent, Name: "ws-01"}
	if holds, err := table.Holds(subject, first); err != nil || !holds {
		t.Error("its own key:", holds, err)
	}
	if holds, err := table.Holds(subject, second); err != nil || holds {
		t.Error("another key:", holds, err)
	}
}

func TestNameInUseIsGivenAwayByAnExactTokenOnly(t *testing.T) {
	table, err := join.OpenTable(filepath.Join(t.TempDir(), "join.json"))
	if err != nil {
		t.Fatal(err)
	}
	mint := func(names string) string {
		secret, err := table.Mint(join.Grant{Role: identity.RoleAgent, Names: names, Uses: 2}, now)
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	pattern := mint("ws-*")
	if _, err := table.Redeem(pattern, identity.RoleAgent, "ws-01", csr(t), now); err != nil {
		t.Fatal(err)
	}
	if _, err := table.Redeem(pattern, identity.RoleAgent, "ws-01", csr(t), now); fault.KindOf(err) != fault.Conflict {
		t.Error("taken over with a pattern:", err)
	}
	if _, err := table.Redeem(mint("ws-01"), identity.RoleAgent, "ws-01", csr(t), now); err != nil {
		t.Error("installed anew:", err)
	}
}

func TestBadGrantsAndTables(t *testing.T) {
	dir := t.TempDir()
	table, err := join.OpenTable(filepath.Join(dir, "join.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range []join.Grant{{Role: identity.RoleServer, Names: "x"}, {Role: identity.RoleAgent}, {Role: identity.RoleAgent, Names: "["}} {
		if _, err := table.Mint(g, now); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%+v: %v", g, err)
		}
	}
	secret, err := table.Mint(join.Grant{Role: identity.RoleAgent, Names: "a"}, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := table.Redeem(secret, identity.RoleAgent, "a", []byte("no request"), now); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
}
