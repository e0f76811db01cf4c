package agent_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/agent"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
)

func TestBadStart(t *testing.T) {
	other, err := identity.CreateCA(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		change  func(*agent.Config)
		kind    fault.Kind
		message string
	}{
		{"wrong token", func(c *agent.Config) { c.Token = "spw_WRONG" }, fault.Denied, "does not accept the join token"},
		{"no token", func(c *agent.Config) { c.Token = "" }, fault.Denied, "has not joined"},
		{"no CA", func(c *agent.Config) { c.CA = nil }, fault.Invalid, "CA certificate is needed"},
		{"another farm's CA", func(c *agent.Config) { c.CA = other.PEM() }, fault.Denied, "not of the farm whose CA was given"},
		{"no server", func(c *agent.Config) { c.Server = "farm" }, fault.Invalid, "is no server's URL"},
		{"bad name", func(c *agent.Config) { c.Name = "../n1" }, fault.Invalid, "cannot be a node's name"},
		{"unwritable directory", func(c *agent.Config) { c.Dir = "/proc/spillway" }, fault.Denied, "the agent's directory"},
		{"unknown mount", func(c *agent.Config) { c.Mount = "tape" }, fault.Invalid, "unknown kind of mount"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFarm(t)
			tt.change(&f.config)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			err := agent.Run(ctx, f.config, slog.New(slog.DiscardHandler))
			if err == nil || fault.KindOf(err) != tt.kind || !strings.Contains(err.Error(), tt.message) {
				t.Errorf("Run = %v (%v), want %v: %s", err, fault.KindOf(err), tt.kind, tt.message)
			}
			if fault.KindOf(err) == fault.Denied && fault.HintOf(err) == "" {
				t.Error("no hint what to do")
			}
		})
	}
}

func TestSecondAgentInADirectory(t *testing.T) {
	f := newFarm(t)
	f.start()
	f.wait("the first Hello", func() bool { return len(f.hellos) == 1 })
	if err := agent.Run(t.Context(), f.config, slog.New(slog.DiscardHandler)); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "another agent runs") {
		t.Errorf("Run = %v", err)
	}
}

func TestCertificateIsRenewed(t *testing.T) {
	f := newFarm(t)
	f.ttl = 6 * time.Second // renewed after 4 s; the connection must be up by the end
	stop := f.start()
	f.wait("a renewal", func() bool { return f.renewals > 0 })
	for deadline := time.Now().Add(patience); ; <-time.After(10 * time.Millisecond) {
		got, err := identity.LoadCredentials(filepath.Join(f.config.Dir, "identity"))
		if err == nil && time.Until(got.Expires()) > time.Minute {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the certificate expires at %v, %v", got.Expires(), err)
		}
	}
	stop()
	// A node that has joined needs no token.
	f.config.Token, f.config.CA = "", nil
	f.start()
	f.wait("the second Hello", func() bool { return len(f.hellos) == 2 })
	if info, err := os.Stat(filepath.Join(f.config.Dir, "identity", "key.pem")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key.pem: %v, %v", info, err)
	}
}
