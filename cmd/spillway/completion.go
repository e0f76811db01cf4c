package main

import (
	"github.com/alecthomas/kong"

	"github.com/spillway/spillway/internal/completion"
)

// CompletionCmd prints a shell's completion script.
type CompletionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: bash, zsh or fish. For bash: source <(spillway completion bash)"`
}

// Run prints the script.
func (c *CompletionCmd) Run(k *kong.Context, g *Globals) error {
	return completion.Write(g.Out, c.Shell, k.Model)
}
