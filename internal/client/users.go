package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spillway/spillway/api/restv1"
)

// Me returns who the token belongs to and what it may do.
func (c *Client) Me(ctx context.Context) (restv1.Me, error) {
	return get[restv1.Me](ctx, c, "/me", nil)
}

// Users lists users by name.
func (c *Client) Users(ctx context.Context) ([]restv1.User, error) {
	l, err := get[restv1.UserList](ctx, c, "/users", nil)
	return l.Users, err
}

// SetUser makes a user or changes one. Repeating it is harmless.
func (c *Client) SetUser(ctx context.Context, id string, change restv1.UserChange) (restv1.User, error) {
	var u restv1.User
	_, err := c.call(ctx, http.MethodPut, "/users/"+url.PathEscape(id), nil, "", change, &u, true)
	return u, err
}

// DeleteUser removes a user and revokes their tokens.
func (c *Client) DeleteUser(ctx context.Context, id string) error {
	_, err := c.call(ctx, http.MethodDelete, "/users/"+url.PathEscape(id), nil, "", nil, nil, false)
	return err
}

// APITokens lists a user's API tokens, oldest first.
func (c *Client) APITokens(ctx context.Context, user string) ([]restv1.APIToken, error) {
	l, err := get[restv1.APITokenList](ctx, c, "/users/"+url.PathEscape(user)+"/tokens", nil)
	return l.Tokens, err
}

// AddAPIToken makes an API token. It is not repeated: each call makes another one.
func (c *Client) AddAPIToken(ctx context.Context, user string, r restv1.APITokenRequest) (restv1.APIToken, error) {
	var t restv1.APIToken
	_, err := c.call(ctx, http.MethodPost, "/users/"+url.PathEscape(user)+"/tokens", nil, "", r, &t, false)
	return t, err
}

// RevokeAPIToken ends an API token for good.
func (c *Client) RevokeAPIToken(ctx context.Context, user, token string) error {
	_, err := c.call(ctx, http.MethodDelete, "/users/"+url.PathEscape(user)+"/tokens/"+url.PathEscape(token), nil, "", nil, nil, false)
	return err
}

// DeedQuery narrows the audit; the zero value of a field asks for nothing.
type DeedQuery struct {
	Who, Did, On string
	Since, Until time.Time
	Limit        int
}

// Deeds lists who changed what, newest first, page after page up to the limit.
func (c *Client) Deeds(ctx context.Context, q DeedQuery) ([]restv1.Deed, error) {
	const page = 1000 // of the server
	v := url.Values{}
	for name, text := range map[string]string{"who": q.Who, "did": q.Did, "on": q.On} {
		if text != "" {
			v.Set(name, text)
		}
	}
	for name, at := range map[string]time.Time{"since": q.Since, "until": q.Until} {
		if !at.IsZero() {
			v.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	var all []restv1.Deed
	for {
		want := min(q.Limit-len(all), page)
		v.Set("limit", strconv.Itoa(want))
		l, err := get[restv1.DeedList](ctx, c, "/audit", v)
		if err != nil {
			return nil, err
		}
		all = append(all, l.Deeds...)
		if len(l.Deeds) < want || len(all) >= q.Limit {
			return all, nil
		}
		v.Set("before", all[len(all)-1].ID)
	}
}
