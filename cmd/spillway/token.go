package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/fault"
)

// TokenCmd holds the commands for join tokens.
type TokenCmd struct {
	Create TokenCreateCmd `cmd:"" help:"Make a token with which nodes or a filer join the farm."`
}

// TokenCreateCmd makes a join token.
type TokenCreateCmd struct {
	Names   string          `arg:"" help:"The name of the node or filer, or a pattern of names, such as 'ws-*'."`
	For     string          `enum:"agent,filer" default:"agent" help:"Who joins: agent or filer."`
	Site    string          `help:"Where its nodes must be. Default: anywhere."`
	Uses    int             `default:"1" placeholder:"N" help:"How many machines may join with it."`
	Life    config.Duration `default:"24h" help:"How long it is good for, such as 90m or 7d."`
	Comment string          `help:"For whom it is; for the server's log."`
	Out     string          `short:"o" type:"path" placeholder:"FILE" help:"Write the token to this file, which only you may read, instead of printing it."`
}

// Run makes the token. Only the token goes to standard output.
func (c *TokenCreateCmd) Run(ctx context.Context, g *Globals) error {
	if c.Uses < 1 {
		return fault.New(fault.Invalid, "--uses: a token for %d machines is none", c.Uses)
	}
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
	t, err := remote.MintToken(ctx, restv1.TokenRequest{
		Role: c.For, Names: c.Names, Site: c.Site, Uses: c.Uses, LifeSeconds: int64(time.Duration(c.Life).Seconds()), Comment: c.Comment,
	})
	if err != nil {
		if c.Out != "" {
			_ = os.Remove(c.Out)
		}
		return err
	}
	if _, err := fmt.Fprintln(out, t.Secret); err != nil {
		return fault.Wrap(fault.Unavailable, err, "the token was made, but not written")
	}
	switch {
	case g.JSON:
		return g.print(t)
	case c.Out == "":
		fmt.Fprintln(g.Out, t.Secret)
	}
	fmt.Fprintf(g.Err, "  %s; give its file to spillway %s\n", goodFor(t), map[string]string{
		"agent": "agent with --token-file, and the server's ca.pem with --ca", "filer": "filer as server.tokenFile, and the server's ca.pem as server.ca",
	}[t.Role])
	return nil
}

// goodFor says who may use a token, and until when.
func goodFor(t restv1.Token) string {
	what := map[string]string{"agent": "node", "filer": "filer"}[t.Role]
	who := "the " + what + " " + t.Names
	if t.Uses > 1 {
		who = fmt.Sprintf("%d %ss called %s", t.Uses, what, t.Names)
	}
	if t.Site != "" {
		who += " at " + t.Site
	}
	return fmt.Sprintf("good for %s until %s", who, t.Expires.Local().Format("2006-01-02 15:04"))
}
