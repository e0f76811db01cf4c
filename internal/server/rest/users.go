package rest

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/access"
)

// userPath names a user.
type userPath struct {
	ID string `path:"id" maxLength:"64"`
}

type userChange struct {
	ID   string `path:"id" maxLength:"64"`
	Body restv1.UserChange
}

func (c *userChange) told() any { return c.Body }

type apiTokenRequest struct {
	ID   string `path:"id" maxLength:"64"`
	Body restv1.APITokenRequest
}

func (c *apiTokenRequest) told() any { return c.Body }

type apiTokenPath struct {
	ID    string `path:"id" maxLength:"64"`
	Token string `path:"token" maxLength:"64"`
}

type auditQuery struct {
	Who    string    `query:"who" maxLength:"64" doc:"Only what this user did."`
	Did    string    `query:"did" maxLength:"64" doc:"The verb, or its first words: job, job cancel."`
	On     string    `query:"on" maxLength:"200" doc:"The id of what was changed."`
	Since  time.Time `query:"since"`
	Until  time.Time `query:"until"`
	Before string    `query:"before" maxLength:"64" doc:"Only what was done before the line with this id."`
	Limit  int       `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

// userRoutes registers what is about users, their tokens, and what they did.
func (s *server) userRoutes(api huma.API) {
	endpoint(s, api, http.MethodGet, "/me", "Who the caller is, and what they may do", func(ctx context.Context, _ *struct{}) (restv1.Me, error) {
		return me(access.CallerOf(ctx)), nil
	}, needs(access.SeeFarm))
	endpoint(s, api, http.MethodGet, "/users", "List users", func(ctx context.Context, _ *struct{}) (restv1.UserList, error) {
		list, err := s.Users.Users(ctx)
		return restv1.UserList{Users: some(list)}, err
	}, needs(access.ManageUsers))
	endpoint(s, api, http.MethodPut, "/users/{id}", "Make a user or change one", func(ctx context.Context, in *userChange) (restv1.User, error) {
		return s.Users.SetUser(ctx, in.ID, in.Body)
	}, needs(access.ManageUsers), audited("user set"))
	removal(s, api, "/users/{id}", "Delete a user and revoke their tokens", func(ctx context.Context, in *userPath) error {
		return s.Users.DeleteUser(ctx, in.ID)
	}, needs(access.ManageUsers), audited("user delete"))
	endpoint(s, api, http.MethodGet, "/users/{id}/tokens", "List a user's API tokens", func(ctx context.Context, in *userPath) (restv1.APITokenList, error) {
		list, err := s.Users.APITokens(ctx, in.ID)
		return restv1.APITokenList{Tokens: some(list)}, err
	}, needs(access.ManageUsers), orSelf)
	endpoint(s, api, http.MethodPost, "/users/{id}/tokens", "Make an API token; its secret is shown once", func(ctx context.Context, in *apiTokenRequest) (restv1.APIToken, error) {
		return s.Users.AddAPIToken(ctx, in.ID, in.Body)
	}, needs(access.ManageUsers), orSelf, audited("user token create"), func(op *huma.Operation) { op.DefaultStatus = http.StatusCreated })
	removal(s, api, "/users/{id}/tokens/{token}", "Revoke an API token", func(ctx context.Context, in *apiTokenPath) error {
		return s.Users.RevokeAPIToken(ctx, in.ID, in.Token)
	}, needs(access.ManageUsers), orSelf, audited("user token revoke"))
	endpoint(s, api, http.MethodGet, "/audit", "Who changed what, newest first", func(ctx context.Context, in *auditQuery) (restv1.DeedList, error) {
		list, err := s.Users.Deeds(ctx, DeedFilter(*in))
		return restv1.DeedList{Deeds: some(list)}, err
	}, needs(access.SeeAudit))
}

func me(c *access.Caller) restv1.Me {
	out := restv1.Me{Name: c.Name, Token: c.Token, Roles: []string{}, Permissions: []string{}}
	for _, g := range c.Grants {
		out.Roles = append(out.Roles, g.String())
	}
	for _, p := range access.Permissions() {
		if c.Anywhere(p) {
			out.Permissions = append(out.Permissions, string(p))
		}
	}
	return out
}

func sorted(ops []Operation) []Operation {
	slices.SortFunc(ops, func(a, b Operation) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method)) })
	return ops
}
