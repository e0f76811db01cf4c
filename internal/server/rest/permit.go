package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/spillway/spillway/internal/access"
	"github.com/spillway/spillway/internal/fault"
)

// What an operation needs and how it is audited stands in its description, as these extensions of OpenAPI.
const (
	permissionKey = "x-permission" // an access.Permission
	selfKey       = "x-self"       // true: everybody may do it to what is their own
	auditKey      = "x-audit"      // what the audit calls it; empty for what changes nothing that people decide
)

// needs says which permission an operation takes. An operation that says nothing is for admins of all projects.
func needs(p access.Permission) func(*huma.Operation) {
	return func(op *huma.Operation) { extend(op, permissionKey, string(p)) }
}

// orSelf lets users do to themselves what for others needs the permission; the path's id is the user.
func orSelf(op *huma.Operation) { extend(op, selfKey, true) }

// audited names what the operation does in the audit.
func audited(verb string) func(*huma.Operation) {
	return func(op *huma.Operation) { extend(op, auditKey, verb) }
}

// unaudited marks an operation that is no GET and yet changes nothing that somebody decided.
func unaudited(op *huma.Operation) { extend(op, auditKey, "") }

func extend(op *huma.Operation, key string, value any) {
	if op.Extensions == nil {
		op.Extensions = map[string]any{}
	}
	op.Extensions[key] = value
}

// permit refuses callers who lack an operation's permission, and notes what the others are about to do.
func (s *server) permit(hc huma.Context, next func(huma.Context)) {
	op := hc.Operation()
	if op.Security != nil && len(op.Security) == 0 { // see public
		next(hc)
		return
	}
	caller := access.CallerOf(hc.Context())
	if caller == nil {
		caller = &access.Caller{Name: "nobody"}
	}
	if err := s.allow(hc, caller); err != nil {
		r, w := humago.Unwrap(hc)
		s.writeProblem(w, r, err)
		return
	}
	if verb, _ := op.Extensions[auditKey].(string); verb != "" {
		hc = huma.WithContext(hc, access.WithDeed(hc.Context(), access.Deed{Caller: *caller, Did: verb, On: subject(hc)}))
	}
	next(hc)
}

// subject joins the ids in a request's path.
func subject(hc huma.Context) string {
	var ids []string
	for part := range strings.SplitSeq(hc.Operation().Path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			ids = append(ids, hc.Param(strings.TrimSuffix(name, "}")))
		}
	}
	return strings.Join(ids, "/")
}

func (s *server) allow(hc huma.Context, caller *access.Caller) error {
	op := hc.Operation()
	text, _ := op.Extensions[permissionKey].(string)
	p := access.Permission(text)
	what := strings.ToLower(op.Summary[:1]) + op.Summary[1:]
	if self, _ := op.Extensions[selfKey].(bool); self && hc.Param("id") == caller.Name {
		return nil
	}
	if !p.Scoped() {
		if p == "" {
			p = access.ManageUsers
		}
		if !caller.May(p, "", "") {
			return refusal(caller, p, what)
		}
		return nil
	}
	if everyJob(caller, p) { // whose it is does not matter, and what is wrong with the request is the handler's to say
		return nil
	}
	project, owner, of, err := s.ofJob(hc)
	switch {
	case err != nil:
		return err
	case !of: // the handler looks at each job
		if !caller.Anywhere(p) {
			return refusal(caller, p, what)
		}
		return nil
	case !caller.May(access.SeeJobs, project, owner):
		return fault.WithHint(fault.New(fault.NotFound, "there is no such job in %s's projects", caller.Name), "see: spillway job list")
	case caller.May(p, project, owner) || p == access.ControlOwn && caller.May(access.ControlJobs, project, owner):
		return nil
	case p == access.ControlOwn:
		return refusal(caller, access.ControlJobs, what+" of "+owner)
	}
	return refusal(caller, p, what)
}

// everyJob reports whether the caller may do to all jobs what needs the scoped permission.
func everyJob(c *access.Caller, p access.Permission) bool {
	if p == access.ControlOwn {
		p = access.ControlJobs
	}
	_, sees := c.Projects(access.SeeJobs)
	_, may := c.Projects(p)
	return sees && may
}

// refusal says what a caller lacks, and who can help.
func refusal(c *access.Caller, p access.Permission, what string) error {
	has := "no role"
	if len(c.Grants) > 0 {
		roles := make([]string, len(c.Grants))
		for i, g := range c.Grants {
			roles[i] = g.String()
		}
		has = "the role " + strings.Join(roles, ", ")
	}
	err := fault.New(fault.Denied, "%s may not %s: that needs the permission %s", c.Name, what, p)
	return fault.WithHint(err, "%s has %s; the permission comes with %s: ask an admin (spillway user set %s --role %[3]s)", c.Name, has, p.For(), c.Name)
}

// ofJob returns of which project and whose the job is that a request is about; of: it is about one.
func (s *server) ofJob(hc huma.Context) (project, owner string, of bool, err error) {
	path := hc.Operation().Path
	switch {
	case strings.HasPrefix(path, "/jobs/{id}"):
		project, owner, err = s.Door.JobOf(hc.Context(), hc.Param("id"))
	case strings.HasPrefix(path, "/attempts/{id}"):
		project, owner, err = s.Door.AttemptOf(hc.Context(), hc.Param("id"))
	case strings.HasPrefix(path, "/pictures/{attempt}"):
		project, owner, err = s.Door.AttemptOf(hc.Context(), hc.Param("attempt"))
	default:
		return "", "", false, nil
	}
	return project, owner, true, err
}

// telling is a request that says in its own words what it asks for, for the audit: without secrets, and short.
type telling interface{ told() any }

// detailed notes in the audit's line what is asked for.
func detailed(ctx context.Context, in any) context.Context {
	d, ok := access.DeedOf(ctx)
	t, tells := in.(telling)
	if !ok || !tells {
		return ctx
	}
	text, err := json.Marshal(t.told())
	if err == nil {
		d.Detail = string(text)
	}
	return access.WithDeed(ctx, d)
}

// doing says more exactly what the audit calls it.
func doing(ctx context.Context, verb string) context.Context {
	if d, ok := access.DeedOf(ctx); ok {
		d.Did = verb
		ctx = access.WithDeed(ctx, d)
	}
	return ctx
}

// asSubmitter fills in and checks for whom, and for which project, a caller submits.
func asSubmitter(c *access.Caller, project, owner *string) error {
	if c == nil {
		return nil
	}
	if *project == "" {
		if names, all := c.Projects(access.Submit); !all && len(names) == 1 {
			*project = names[0]
		}
	}
	switch {
	case c.Token == "" && c.May(access.ControlJobs, *project, *owner): // the server's own token is nobody in particular
		return nil
	case !c.May(access.Submit, *project, c.Name):
		names, _ := c.Projects(access.Submit)
		if *project == "" {
			return fault.WithHint(fault.New(fault.Denied, "%s may not submit jobs of no project", c.Name), "name one with --project: %s", strings.Join(names, ", "))
		}
		return refusal(c, access.Submit, "submit jobs of the project "+*project)
	case *owner == "":
		*owner = c.Name
	case *owner != c.Name && !c.May(access.ControlJobs, *project, *owner):
		return refusal(c, access.ControlJobs, "submit jobs for "+*owner)
	}
	return nil
}

// Operation is what the API says of one of its operations.
type Operation struct {
	ID, Method, Path string
	Public           bool              // needs no token
	Needs            access.Permission // empty: an admin
	Self             bool              // or the user that it is about
	Audit            string            // what the audit calls it
	Unaudited        bool              // it changes nothing that people decide
}

// Operations lists all operations, by path and method.
func Operations() []Operation {
	s := &server{}
	var out []Operation
	api := s.routes(http.NewServeMux()).OpenAPI()
	for _, item := range api.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Put, item.Post, item.Delete, item.Patch} {
			if op == nil {
				continue
			}
			o := Operation{ID: op.OperationID, Method: op.Method, Path: op.Path, Public: op.Security != nil && len(op.Security) == 0}
			permission, _ := op.Extensions[permissionKey].(string)
			o.Needs = access.Permission(permission)
			o.Self, _ = op.Extensions[selfKey].(bool)
			verb, said := op.Extensions[auditKey].(string)
			o.Audit, o.Unaudited = verb, said && verb == ""
			out = append(out, o)
		}
	}
	return sorted(out)
}
