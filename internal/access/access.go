// Package access says who may do what: roles, the permissions that come with them, and the projects for which somebody
// has them. It keeps nothing and asks nobody; users and their tokens are records of the farm.
package access

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Role is a set of permissions.
type Role string

// The roles, each with all that the one before it may do.
const (
	Artist   Role = "artist"   // submits jobs and looks after their own
	Wrangler Role = "wrangler" // looks after everybody's jobs, and after the farm
	Admin    Role = "admin"    // decides who may do what, and who joins
)

// Roles lists the roles, the weakest first.
func Roles() []Role { return []Role{Artist, Wrangler, Admin} }

// Permission is what an operation needs.
type Permission string

// The permissions.
const (
	SeeFarm     Permission = "farm.see"     // nodes, pools, filers, queues, limits, decisions: of no project
	SeeJobs     Permission = "jobs.see"     // jobs, their logs and pictures, in the caller's projects
	Submit      Permission = "jobs.submit"  // as oneself
	ControlOwn  Permission = "jobs.own"     // cancel, retry, change, …: one's own jobs
	ControlJobs Permission = "jobs.control" // everybody's; and submit for somebody else
	RunFarm     Permission = "farm.run"     // queues, limits, nodes, pools
	Admit       Permission = "farm.admit"   // join tokens: a node reads what its projects have
	ManageUsers Permission = "users.manage"
	SeeAudit    Permission = "audit.see"
)

// rights is what each role may do itself. A scoped permission of a grant counts in its project; others only if the grant
// is for all projects, but for SeeFarm, which anybody has.
var rights = map[Role][]Permission{
	Artist:   {SeeFarm, SeeJobs, Submit, ControlOwn},
	Wrangler: {SeeFarm, SeeJobs, Submit, ControlOwn, ControlJobs, RunFarm},
	Admin:    {SeeFarm, SeeJobs, Submit, ControlOwn, ControlJobs, RunFarm, Admit, ManageUsers, SeeAudit},
}

// Permissions lists all permissions, by name.
func Permissions() []Permission {
	all := slices.Clone(rights[Admin])
	slices.Sort(all)
	return all
}

// Scoped reports whether the permission is about jobs, which are of a project.
func (p Permission) Scoped() bool {
	return p == SeeJobs || p == Submit || p == ControlOwn || p == ControlJobs
}

// For returns the weakest role that has the permission.
func (p Permission) For() Role {
	for _, r := range Roles() {
		if slices.Contains(rights[r], p) {
			return r
		}
	}
	return Admin
}

// Grant gives a role, for one project or all.
type Grant struct {
	Role    Role   `json:"role"`
	Project string `json:"project,omitempty"` // empty: all projects
}

// ParseGrant reads ROLE or ROLE:PROJECT.
func ParseGrant(text string) (Grant, error) {
	role, project, scoped := strings.Cut(text, ":")
	g := Grant{Role(role), project}
	if scoped && project == "" {
		return g, fmt.Errorf("%q names no project; for all projects: %s", text, role)
	}
	return g, g.Validate()
}

// Validate refuses a role that there is not.
func (g Grant) Validate() error {
	if !slices.Contains(Roles(), g.Role) {
		return fmt.Errorf("there is no role %q; the roles are artist, wrangler and admin, for one project artist:NAME", g.Role)
	}
	return nil
}

func (g Grant) String() string {
	if g.Project == "" {
		return string(g.Role)
	}
	return string(g.Role) + ":" + g.Project
}

// Tidy returns the grants in order, without those that another one covers.
func Tidy(grants []Grant) []Grant {
	var out []Grant
	for _, g := range grants {
		covered := slices.ContainsFunc(grants, func(o Grant) bool {
			return o != g && (o.Project == "" || o.Project == g.Project) && slices.Index(Roles(), o.Role) >= slices.Index(Roles(), g.Role)
		})
		if !covered && !slices.Contains(out, g) {
			out = append(out, g)
		}
	}
	slices.SortFunc(out, func(a, b Grant) int { return cmp.Or(cmp.Compare(a.Project, b.Project), cmp.Compare(a.Role, b.Role)) })
	return out
}

// Caller is somebody who asks for something. The zero value may do nothing.
type Caller struct {
	Name   string // the user's
	Token  string // the id of the token shown; empty: the server's own
	From   string // the address that the request came from
	Grants []Grant
}

// May reports whether the caller has the permission for something of a project that belongs to owner. What is of no
// project and nobody's has both empty.
func (c *Caller) May(p Permission, project, owner string) bool {
	for _, g := range c.Grants {
		switch {
		case !slices.Contains(rights[g.Role], p):
		case p == SeeFarm:
			return true
		case g.Project != "" && (!p.Scoped() || g.Project != project):
		case p == ControlOwn && owner != c.Name:
		default:
			return true
		}
	}
	return false
}

// Anywhere reports whether the caller has the permission for at least one project.
func (c *Caller) Anywhere(p Permission) bool {
	return slices.ContainsFunc(c.Grants, func(g Grant) bool {
		return slices.Contains(rights[g.Role], p) && (g.Project == "" || p.Scoped() || p == SeeFarm)
	})
}

// Projects returns for which projects the caller has a permission; all: for every one.
func (c *Caller) Projects(p Permission) (names []string, all bool) {
	for _, g := range c.Grants {
		if slices.Contains(rights[g.Role], p) {
			if g.Project == "" {
				return nil, true
			}
			names = append(names, g.Project)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), false
}

func (c *Caller) String() string {
	if c.Token == "" {
		return c.Name
	}
	return fmt.Sprintf("%s (%s)", c.Name, c.Token)
}
