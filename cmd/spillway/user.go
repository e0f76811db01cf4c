package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/access"
	"github.com/spillway/spillway/internal/client"
	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/textview"
)

// UserCmd holds the commands for users and their API tokens.
type UserCmd struct {
	List   UserListCmd   `cmd:"" help:"List users and what they may do."`
	Set    UserSetCmd    `cmd:"" help:"Make a user, or change one."`
	Delete UserDeleteCmd `cmd:"" help:"Delete users and revoke their tokens; their jobs stay."`
	Token  UserTokenCmd  `cmd:"" help:"API tokens: with one, somebody acts as a user."`
	Me     UserMeCmd     `cmd:"" help:"Show who the token in use belongs to, and what it may do."`
}

// UserListCmd lists users.
type UserListCmd struct{}

// Run lists users.
func (c *UserListCmd) Run(ctx context.Context, g *Globals) error {
	return show(g, func(r *client.Client) ([]restv1.User, error) { return r.Users(ctx) },
		func(users []restv1.User) error { return textview.Users(g.Out, users) })
}

// UserSetCmd makes or changes a user.
type UserSetCmd struct {
	Name    string   `arg:"" help:"The user: what the owner of their jobs is called."`
	Role    []string `sep:"," placeholder:"ROLE[:PROJECT]" help:"What they may do, in place of what they might before: artist, wrangler or admin, for all projects or one. Repeatable."`
	NoRoles bool     `help:"Take all roles away."`
	Comment *string  `help:"Who it is."`
	Disable *bool    `negatable:"" help:"Let none of their tokens open anything; --no-disable ends that."`
}

// Run makes or changes the user.
func (c *UserSetCmd) Run(ctx context.Context, g *Globals) error {
	change := restv1.UserChange{Comment: c.Comment, Disabled: c.Disable}
	if c.NoRoles && len(c.Role) > 0 {
		return fault.New(fault.Invalid, "--role and --no-roles exclude each other")
	}
	for _, text := range c.Role {
		if _, err := access.ParseGrant(text); err != nil {
			return fault.Wrap(fault.Invalid, err, "--role")
		}
	}
	if c.NoRoles || len(c.Role) > 0 {
		roles := append([]string{}, c.Role...)
		change.Roles = &roles
	}
	return show(g, func(r *client.Client) (restv1.User, error) { return r.SetUser(ctx, c.Name, change) },
		func(u restv1.User) error { return textview.Users(g.Out, []restv1.User{u}) })
}

// UserDeleteCmd deletes users.
type UserDeleteCmd struct {
	Names []string `arg:"" name:"name" help:"The users."`
}

// Run deletes the users. It stops at the first that cannot be deleted.
func (c *UserDeleteCmd) Run(ctx context.Context, g *Globals) error {
	return eachOf(g, c.Names, func(r *client.Client, name string) error { return r.DeleteUser(ctx, name) }, "user %s is deleted\n")
}

// UserMeCmd shows who asks.
type UserMeCmd struct{}

// Run shows who asks.
func (c *UserMeCmd) Run(ctx context.Context, g *Globals) error {
	return show(g, func(r *client.Client) (restv1.Me, error) { return r.Me(ctx) },
		func(m restv1.Me) error { return textview.Me(g.Out, m) })
}

// UserTokenCmd holds the commands for API tokens.
type UserTokenCmd struct {
	Create UserTokenCreateCmd `cmd:"" help:"Make an API token. It is shown once."`
	List   UserTokenListCmd   `cmd:"" help:"List a user's API tokens."`
	Revoke UserTokenRevokeCmd `cmd:"" help:"End API tokens for good."`
}

// UserTokenCreateCmd makes an API token.
type UserTokenCreateCmd struct {
	User    string          `arg:"" help:"Whose it is. Without the permission for others: you."`
	Life    config.Duration `default:"90d" help:"How long it is good for, such as 12h or 365d."`
	Comment string          `help:"Where it is used."`
	Out     string          `short:"o" type:"path" placeholder:"FILE" help:"Write the token to this file, which only you may read, instead of printing it."`
}

// Run makes the token. Only the token goes to standard output.
func (c *UserTokenCreateCmd) Run(ctx context.Context, g *Globals) error {
	remote, err := g.remote()
	if err != nil {
		return err
	}
	defer remote.Close()
	out := io.Discard
	if c.Out != "" { // before there is a token that could not be written
		f, err := os.OpenFile(c.Out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "--out")
		}
		defer f.Close()
		out = f
	}
	t, err := remote.AddAPIToken(ctx, c.User, restv1.APITokenRequest{Comment: c.Comment, LifeSeconds: int64(time.Duration(c.Life).Seconds())})
	if err != nil {
		if c.Out != "" {
			_ = os.Remove(c.Out)
		}
		return err
	}
	if _, err := fmt.Fprintln(out, t.Secret); err != nil {
		return fault.WithHint(fault.Wrap(fault.Unavailable, err, "the token was made, but not written"), "revoke it: spillway user token revoke %s %s", c.User, t.ID)
	}
	switch {
	case g.JSON && c.Out != "":
		t.Secret = ""
		return g.print(t)
	case g.JSON:
		return g.print(t)
	case c.Out == "":
		fmt.Fprintln(g.Out, t.Secret)
	}
	fmt.Fprintf(g.Err, "  %s acts as %s until %s; use it as SPILLWAY_TOKEN, or sign in at the web page with it\n", t.ID, t.User, t.Expires.Local().Format("2006-01-02 15:04"))
	return nil
}

// UserTokenListCmd lists API tokens.
type UserTokenListCmd struct {
	User string `arg:"" help:"Whose."`
}

// Run lists the tokens.
func (c *UserTokenListCmd) Run(ctx context.Context, g *Globals) error {
	return show(g, func(r *client.Client) ([]restv1.APIToken, error) { return r.APITokens(ctx, c.User) },
		func(tokens []restv1.APIToken) error { return textview.APITokens(g.Out, tokens, time.Now()) })
}

// UserTokenRevokeCmd revokes API tokens.
type UserTokenRevokeCmd struct {
	User string   `arg:"" help:"Whose."`
	IDs  []string `arg:"" name:"token" help:"The tokens' ids, as token list shows them."`
}

// Run revokes the tokens. It stops at the first that cannot be revoked.
func (c *UserTokenRevokeCmd) Run(ctx context.Context, g *Globals) error {
	return eachOf(g, c.IDs, func(r *client.Client, id string) error { return r.RevokeAPIToken(ctx, c.User, id) }, "token %s is revoked\n")
}

// eachOf does something to one thing after the other, and says so. It stops at the first error.
func eachOf(g *Globals, names []string, do func(*client.Client, string) error, said string) error {
	remote, err := g.remote()
	if err != nil {
		return err
	}
	defer remote.Close()
	for _, name := range names {
		if err := do(remote, name); err != nil {
			return err
		}
		if !g.JSON {
			fmt.Fprintf(g.Out, said, name)
		}
	}
	if g.JSON {
		return g.print(names)
	}
	return nil
}
