package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/fault"
)

// connection notes whether a request came over TLS, which decides whether its cookie may leave it.
type connection struct{ overTLS bool }

// Resolve implements huma.Resolver.
func (c *connection) Resolve(ctx huma.Context) []error {
	c.overTLS = ctx.TLS() != nil
	return nil
}

// signed is an empty answer that sets the session's cookie.
type signed struct {
	Cookie string `header:"Set-Cookie"`
}

// public marks an operation that needs no token.
func public(op *huma.Operation) { op.Security = []map[string][]string{} }

// sessionRoutes registers what needs no token: the version, sign-in and sign-out.
func (s *server) sessionRoutes(api huma.API) {
	endpoint(s, api, http.MethodGet, "/version", "What answers", func(context.Context, *struct{}) (restv1.Version, error) {
		return restv1.Version{Version: s.Version, Commit: s.Commit, API: "v1"}, nil
	}, public)

	in := operation(api, http.MethodPost, "/session", "Sign a browser in")
	public(&in)
	type login struct {
		connection
		Body restv1.Login
	}
	unaudited(&in)
	huma.Register(api, in, func(_ context.Context, in *login) (*signed, error) {
		caller, err := s.bearer(in.Body.Token)
		if err != nil {
			return nil, newProblem(http.StatusUnauthorized, fault.Denied, err.Error(), fault.HintOf(err))
		}
		return &signed{s.door.cookie(time.Now(), caller.Token, in.overTLS).String()}, nil
	})

	out := operation(api, http.MethodDelete, "/session", "Sign a browser out")
	public(&out)
	unaudited(&out)
	huma.Register(api, out, func(_ context.Context, in *connection) (*signed, error) {
		return &signed{farewell(in.overTLS).String()}, nil
	})
}
