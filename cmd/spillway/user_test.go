package main

import (
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

func TestUserCommands(t *testing.T) {
	f := startRemote(t)
	f.wants(`No users yet: .*spillway user set`, "user", "list")
	f.wants(`mara +artist:alpha wrangler:beta +0 +lighting\n`, "user", "set", "mara", "--role", "artist:alpha,wrangler:beta", "--comment", "lighting")
	f.refuses(2, `no role "root"; the roles are`, "user", "set", "mara", "--role", "root")
	f.refuses(2, `exclude each other`, "user", "set", "mara", "--role", "artist", "--no-roles")
	f.wants(`mara .*disabled`, "user", "set", "mara", "--disable")
	f.wants(`"roles": \[\]`, "user", "set", "mara", "--no-disable", "--no-roles", "--json")
	f.wants(`mara +artist `, "user", "set", "mara", "--role", "artist")

	code, out, errOut := f.spillway("user", "token", "create", "mara", "--life", "12h")
	id := regexp.MustCompile(`^secret-of-(t\d+)\n$`).FindStringSubmatch(out)
	if code != 0 || id == nil || !regexp.MustCompile(id[1]+` acts as mara until \d`).MatchString(errOut) {
		t.Fatalf("%d %q %q", code, out, errOut)
	}
	file := filepath.Join(t.TempDir(), "token")
	f.wants(`^$`, "user", "token", "create", "mara", "-o", file)
	f.refuses(2, `exists`, "user", "token", "create", "mara", "-o", file)
	f.refuses(1, `no user "tom"`, "user", "token", "create", "tom")
	f.wants(`TOKEN +USER.*\n`+id[1]+` +mara `, "user", "token", "list", "mara")
	f.wants(`mara\n  token: `+id[1]+`\n  roles: artist\n  may: .*jobs.submit`, "user", "me", "--token", "secret-of-"+id[1])
	f.refuses(1, `mara may not list users: .*users.manage\n.*ask an admin`, "user", "list", "--token", "secret-of-"+id[1])
	f.wants(`token `+id[1]+` is revoked`, "user", "token", "revoke", "mara", id[1])
	f.refuses(1, `token is not known`, "user", "me", "--token", "secret-of-"+id[1])
	f.wants(`admin\n  token: the server's own`, "user", "me")

	f.wants(`AT +WHO.*\n.*admin +127.0.0.1 +user token revoke +mara/`+id[1], "audit", "list", "--did", "user token", "--since", "1h")
	f.wants(`"did": "user set"`, "audit", "list", "--who", "admin", "--json")
	f.refuses(2, `"yesterday" is no time\n.*7d`, "audit", "list", "--since", "yesterday")
	f.wants(`user mara is deleted`, "user", "delete", "mara")
	f.refuses(1, `no user "mara"`, "user", "delete", "mara")
}

func TestMoment(t *testing.T) {
	zone := time.FixedZone("X", 2*3600)
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, zone)
	for text, want := range map[string]time.Time{
		"":                     {},
		"2026-11-01":           time.Date(2026, 11, 1, 0, 0, 0, 0, zone),
		"2026-11-01T18:30":     time.Date(2026, 11, 1, 18, 30, 0, 0, zone),
		"2026-11-01 18:30:15":  time.Date(2026, 11, 1, 18, 30, 15, 0, zone),
		"2026-11-01T18:30:00Z": time.Date(2026, 11, 1, 18, 30, 0, 0, time.UTC),
		"90m":                  now.Add(-90 * time.Minute),
		"7d":                   now.Add(-7 * 24 * time.Hour),
	} {
		if got, err := moment("--since", text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
