package access_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/spillway/spillway/internal/access"
)

func caller(t *testing.T, grants ...string) *access.Caller {
	t.Helper()
	c := &access.Caller{Name: "mara"}
	for _, text := range grants {
		g, err := access.ParseGrant(text)
		if err != nil {
			t.Fatal(err)
		}
		c.Grants = append(c.Grants, g)
	}
	return c
}

func TestMay(t *testing.T) {
	for _, tt := range []struct {
		grants         string
		need           access.Permission
		project, owner string
		may            bool
	}{
		{"artist", access.Submit, "alpha", "mara", true},
		{"artist", access.ControlOwn, "alpha", "mara", true},
		{"artist", access.ControlOwn, "alpha", "tom", false},
		{"artist", access.ControlJobs, "alpha", "mara", false},
		{"artist", access.RunFarm, "", "", false},
		{"artist:alpha", access.SeeJobs, "alpha", "tom", true},
		{"artist:alpha", access.SeeJobs, "beta", "mara", false},
		{"artist:alpha", access.SeeJobs, "", "mara", false},
		{"artist:alpha", access.SeeFarm, "", "", true},
		{"artist:alpha wrangler:beta", access.ControlJobs, "beta", "tom", true},
		{"artist:alpha wrangler:beta", access.ControlJobs, "alpha", "mara", false},
		{"wrangler", access.ControlJobs, "alpha", "tom", true},
		{"wrangler", access.RunFarm, "", "", true},
		{"wrangler:alpha", access.RunFarm, "", "", false},
		{"wrangler", access.ManageUsers, "", "", false},
		{"admin", access.ManageUsers, "", "", true},
		{"admin:alpha", access.ManageUsers, "", "", false},
		{"admin:alpha", access.ControlJobs, "alpha", "tom", true},
		{"admin:alpha", access.Admit, "", "", false},
		{"", access.SeeFarm, "", "", false},
	} {
		c := caller(t, strings.Fields(tt.grants)...)
		if got := c.May(tt.need, tt.project, tt.owner); got != tt.may {
			t.Errorf("%q may %s in %q of %q: %v", tt.grants, tt.need, tt.project, tt.owner, got)
		}
	}
}

// TestRolesGrow: each role has all that the one before it has, and every permission belongs to one.
func TestRolesGrow(t *testing.T) {
	for _, p := range access.Permissions() {
		weakest := slices.Index(access.Roles(), p.For())
		for i, r := range access.Roles() {
			if c := caller(t, string(r)); c.May(p, "", "mara") != (i >= weakest) {
				t.Errorf("%s and %s: %v", r, p, c.May(p, "", "mara"))
			}
		}
	}
}

func TestParseGrant(t *testing.T) {
	for _, text := range []string{"", "root", ":alpha", "artist:", "Artist"} {
		if _, err := access.ParseGrant(text); err == nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	if g, err := access.ParseGrant("artist:a:b"); err != nil || g.Project != "a:b" || g.String() != "artist:a:b" {
		t.Errorf("%v, %v", g, err)
	}
}

// TestTidyKeepsWhatOneMay: fewer grants, the same rights.
func TestTidyKeepsWhatOneMay(t *testing.T) {
	projects := []string{"", "alpha", "beta"}
	rapid.Check(t, func(t *rapid.T) {
		grants := rapid.SliceOf(rapid.Custom(func(t *rapid.T) access.Grant {
			return access.Grant{Role: rapid.SampledFrom(access.Roles()).Draw(t, "role"), Project: rapid.SampledFrom(projects).Draw(t, "project")}
		})).Draw(t, "grants")
		was, is := &access.Caller{Name: "mara", Grants: grants}, &access.Caller{Name: "mara", Grants: access.Tidy(grants)}
		for _, p := range access.Permissions() {
			for _, project := range append(projects, "gamma") {
				for _, owner := range []string{"mara", "tom", ""} {
					if was.May(p, project, owner) != is.May(p, project, owner) {
						t.Fatalf("%v and %v differ in %s of %q", was.Grants, is.Grants, p, project)
					}
				}
			}
			if was.Anywhere(p) != is.Anywhere(p) {
				t.Fatalf("%v and %v differ in %s", was.Grants, is.Grants, p)
			}
		}
	})
}
