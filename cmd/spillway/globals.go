package main

import (
	"io"
	"log/slog"
)

// Globals are the flags and streams every command has.
type Globals struct {
	JSON    bool   `name:"json" help:"Print JSON instead of text."`
	Server  string `name:"server" env:"SPILLWAY_SERVER" placeholder:"URL" help:"Base URL of the server, such as https://farm:7410."`
	Token   string `name:"token" env:"SPILLWAY_TOKEN" placeholder:"TOKEN" help:"API token."`
	CA      string `name:"ca" env:"SPILLWAY_CA" placeholder:"FILE" type:"path" help:"The farm's CA certificate (PEM)."`
	Verbose bool   `short:"v" help:"Log debug messages."`

	Out io.Writer    `kong:"-"`
	Err io.Writer    `kong:"-"`
	Log *slog.Logger `kong:"-"`
}
