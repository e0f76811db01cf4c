package resttest

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/access"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/rest"
)

// Bearer implements rest.Door. A token's secret is "secret-of-" and its id.
func (f *Farm) Bearer(secret string) (access.Caller, error) {
	id, ok := strings.CutPrefix(secret, "secret-of-")
	if !ok {
		return access.Caller{}, fault.WithHint(fault.New(fault.Denied, "the token is not known"), "ask an admin for one")
	}
	return f.Holder(id)
}

// Holder implements rest.Door.
func (f *Farm) Holder(id string) (access.Caller, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, t := range f.apiTokens {
		u := f.user(t.User)
		if t.ID != id || u == nil || u.Disabled {
			continue
		}
		c := access.Caller{Name: u.ID, Token: t.ID}
		for _, role := range u.Roles {
			g, err := access.ParseGrant(role)
			if err != nil {
				return access.Caller{}, err
			}
			c.Grants = append(c.Grants, g)
		}
		return c, nil
	}
	return access.Caller{}, fault.New(fault.Denied, "the token is not known")
}

// JobOf implements rest.Door.
func (f *Farm) JobOf(_ context.Context, id string) (project, owner string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	j, err := f.find(id)
	if err != nil {
		return "", "", err
	}
	return j.Project, j.Owner, nil
}

// AttemptOf implements rest.Door.
func (f *Farm) AttemptOf(ctx context.Context, id string) (project, owner string, err error) {
	f.mu.Lock()
	a, err := f.attempt(id)
	f.mu.Unlock()
	if err != nil {
		return "", "", err
	}
	return f.JobOf(ctx, a.Job)
}

func (f *Farm) user(id string) *restv1.User {
	if i := slices.IndexFunc(f.users, func(u restv1.User) bool { return u.ID == id }); i >= 0 {
		return &f.users[i]
	}
	return nil
}

// did notes a deed. The caller holds mu.
func (f *Farm) did(ctx context.Context) {
	if d, ok := access.DeedOf(ctx); ok {
		f.deeds = append(f.deeds, restv1.Deed{
			ID: f.id("u"), At: f.now().UTC(), Who: d.Caller.Name, Token: d.Caller.Token, From: d.Caller.From, Did: d.Did, On: d.On, Detail: d.Detail,
		})
	}
}

// Users implements rest.Users.
func (f *Farm) Users(ctx context.Context) ([]restv1.User, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	return slices.Clone(f.users), nil
}

// SetUser implements rest.Users.
func (f *Farm) SetUser(ctx context.Context, id string, c restv1.UserChange) (restv1.User, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return restv1.User{}, err
	}
	defer unlock()
	if f.user(id) == nil {
		f.users = append(f.users, restv1.User{ID: id, Roles: []string{}, Created: f.now().UTC()})
	}
	u := f.user(id)
	keep(&u.Roles, c.Roles)
	keep(&u.Comment, c.Comment)
	keep(&u.Disabled, c.Disabled)
	f.did(ctx)
	return *u, nil
}

// DeleteUser implements rest.Users.
func (f *Farm) DeleteUser(ctx context.Context, id string) error {
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	if f.user(id) == nil {
		return fault.New(fault.NotFound, "there is no user %q", id)
	}
	f.users = slices.DeleteFunc(f.users, func(u restv1.User) bool { return u.ID == id })
	f.did(ctx)
	return nil
}

// APITokens implements rest.Users.
func (f *Farm) APITokens(ctx context.Context, user string) ([]restv1.APIToken, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var out []restv1.APIToken
	for _, t := range f.apiTokens {
		if t.User == user {
			out = append(out, t)
		}
	}
	return out, nil
}

// AddAPIToken implements rest.Users.
func (f *Farm) AddAPIToken(ctx context.Context, user string, r restv1.APITokenRequest) (restv1.APIToken, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return restv1.APIToken{}, err
	}
	defer unlock()
	if f.user(user) == nil {
		return restv1.APIToken{}, fault.New(fault.NotFound, "there is no user %q", user)
	}
	now := f.now().UTC()
	t := restv1.APIToken{ID: f.id("t"), User: user, Comment: r.Comment, Created: now, Expires: now.Add(time.Duration(r.LifeSeconds) * time.Second)}
	f.apiTokens = append(f.apiTokens, t)
	f.did(ctx)
	t.Secret = "secret-of-" + t.ID
	return t, nil
}

// RevokeAPIToken implements rest.Users.
func (f *Farm) RevokeAPIToken(ctx context.Context, user, token string) error {
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	before := len(f.apiTokens)
	f.apiTokens = slices.DeleteFunc(f.apiTokens, func(t restv1.APIToken) bool { return t.User == user && t.ID == token })
	if len(f.apiTokens) == before {
		return fault.New(fault.NotFound, "%s has no token %q", user, token)
	}
	f.did(ctx)
	return nil
}

// Deeds implements rest.Users. It knows who and what, and no more.
func (f *Farm) Deeds(ctx context.Context, q rest.DeedFilter) ([]restv1.Deed, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	var out []restv1.Deed
	for _, d := range slices.Backward(f.deeds) {
		if (q.Who == "" || q.Who == d.Who) && (q.Did == "" || strings.HasPrefix(d.Did, q.Did)) && len(out) < q.Limit {
			out = append(out, d)
		}
	}
	return out, nil
}
