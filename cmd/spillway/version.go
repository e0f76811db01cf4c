package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
)

// VersionCmd prints what this binary is.
type VersionCmd struct{}

// version is the release this binary was built as.
const version = "0.1.0"

// Run prints the version, the commit and the platform.
func (*VersionCmd) Run(_ context.Context, g *Globals) error {
	commit := revision()
	if g.JSON {
		return json.NewEncoder(g.Out).Encode(map[string]string{
			"version": version, "commit": commit, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH,
		})
	}
	_, err := fmt.Fprintf(g.Out, "spillway %s (%s, %s, %s/%s)\n", version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// revision returns the commit that this binary was built from.
func revision() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				return s.Value
			}
		}
	}
	return "unknown"
}
