package server

import (
	"context"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/access"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
	"github.com/spillway/spillway/internal/server/rest"
)

var _ rest.Users = (*Server)(nil)

// tokenLife is how long an API token is good for that does not say.
const tokenLife = 90 * 24 * time.Hour

// Users lists users by name.
func (s *Server) Users(ctx context.Context) ([]restv1.User, error) {
	var users []farm.User
	var tokens []farm.APIToken
	if err := s.loop.View(ctx, func(f *farm.Farm) { users, tokens = f.Users(), f.APITokens() }); err != nil {
		return nil, err
	}
	out := make([]restv1.User, 0, len(users))
	for i := range users {
		out = append(out, wireUser(&users[i], tokens, time.Now()))
	}
	return out, nil
}

func wireUser(u *farm.User, tokens []farm.APIToken, now time.Time) restv1.User {
	out := restv1.User{ID: string(u.ID), Roles: []string{}, Comment: u.Comment, Disabled: u.Disabled, Created: u.Created}
	for _, g := range u.Grants {
		out.Roles = append(out.Roles, g.String())
	}
	for _, t := range tokens {
		if t.User == u.ID && now.Before(t.Expires) {
			out.Tokens++
		}
	}
	return out
}

// SetUser makes a user or changes one.
func (s *Server) SetUser(ctx context.Context, id string, c restv1.UserChange) (restv1.User, error) {
	set := farm.SetUser{User: farm.UserID(id), Comment: c.Comment, Disabled: c.Disabled}
	if c.Roles != nil {
		grants := []access.Grant{}
		for _, text := range *c.Roles {
			g, err := access.ParseGrant(text)
			if err != nil {
				return restv1.User{}, fault.Wrap(fault.Invalid, err, "roles")
			}
			grants = append(grants, g)
		}
		set.Grants = &grants
	}
	result, err := s.do(ctx, set)
	if err != nil {
		return restv1.User{}, err
	}
	user, _ := result.(farm.User)
	var tokens []farm.APIToken
	err = s.loop.View(ctx, func(f *farm.Farm) { tokens = f.APITokens() })
	return wireUser(&user, tokens, time.Now()), err
}

// DeleteUser removes a user.
func (s *Server) DeleteUser(ctx context.Context, id string) error {
	_, err := s.do(ctx, farm.DeleteUser{User: farm.UserID(id)})
	return err
}

// APITokens lists a user's tokens.
func (s *Server) APITokens(ctx context.Context, user string) ([]restv1.APIToken, error) {
	var tokens []farm.APIToken
	known := false
	err := s.loop.View(ctx, func(f *farm.Farm) {
		tokens = f.APITokens()
		_, known = f.User(farm.UserID(user))
	})
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, fault.WithHint(fault.New(fault.NotFound, "there is no user %q", user), "see: spillway user list")
	}
	s.people.mu.RLock()
	defer s.people.mu.RUnlock()
	var out []restv1.APIToken
	for _, t := range tokens {
		if string(t.User) == user {
			w := wireAPIToken(&t)
			w.Used = s.people.used[t.ID]
			out = append(out, w)
		}
	}
	return out, nil
}

func wireAPIToken(t *farm.APIToken) restv1.APIToken {
	return restv1.APIToken{ID: t.ID, User: string(t.User), Comment: t.Comment, Created: t.Created, Expires: t.Expires}
}

// AddAPIToken makes a token for a user.
func (s *Server) AddAPIToken(ctx context.Context, user string, r restv1.APITokenRequest) (restv1.APIToken, error) {
	secret, hash := identity.NewToken()
	c := farm.AddAPIToken{User: farm.UserID(user), Hash: hash, Comment: r.Comment, Life: time.Duration(r.LifeSeconds) * time.Second}
	if r.LifeSeconds == 0 {
		c.Life = tokenLife
	}
	result, err := s.do(ctx, c)
	if err != nil {
		return restv1.APIToken{}, err
	}
	t, _ := result.(farm.APIToken)
	out := wireAPIToken(&t)
	out.Secret = secret
	return out, nil
}

// RevokeAPIToken ends a token.
func (s *Server) RevokeAPIToken(ctx context.Context, user, token string) error {
	_, err := s.do(ctx, farm.RevokeAPIToken{User: farm.UserID(user), ID: token})
	return err
}

// Deeds lists lines of the audit, newest first.
func (s *Server) Deeds(ctx context.Context, q rest.DeedFilter) ([]restv1.Deed, error) {
	deeds, err := s.store.Deeds(ctx, farm.DeedFilter(q))
	if err != nil {
		return nil, err
	}
	out := make([]restv1.Deed, 0, len(deeds))
	for i := range deeds {
		out = append(out, restv1.Deed(deeds[i]))
	}
	return out, nil
}
