package main

import (
	"encoding/json"
	"os"

	"golang.org/x/term"

	"github.com/spillway/spillway/internal/client"
)

// remote returns a client for the server that flags, environment or a context file name.
func (g *Globals) remote() (*client.Client, error) {
	c, err := client.Resolve(client.Config{Server: g.Server, Token: g.Token, CA: g.CA}, os.Getenv)
	if err != nil {
		return nil, err
	}
	return client.New(c)
}

// print writes a value as JSON.
func (g *Globals) print(v any) error {
	e := json.NewEncoder(g.Out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// terminal reports whether a person looks at the output.
func (g *Globals) terminal() bool {
	f, ok := g.Out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
