package main

import (
	"testing"

	"github.com/spillway/spillway/internal/fault"
)

func TestSplitSource(t *testing.T) {
	for source, want := range map[string][2]string{
		"127.0.0.1:2049:/nas":  {"127.0.0.1:2049", "/nas"},
		"filer:2049:/":         {"filer:2049", "/"},
		"[::1]:2049:/a b/c:/d": {"[::1]:2049", "/a b/c:/d"},
		"filer:/nas":           {},
		"filer:2049":           {},
		":/nas":                {},
		"":                     {},
	} {
		server, path, err := splitSource(source)
		if server != want[0] || path != want[1] || (err != nil) != (want[0] == "") {
			t.Errorf("%q: %q, %q, %v", source, server, path, err)
		}
		if err != nil && (fault.KindOf(err) != fault.Invalid || fault.HintOf(err) == "") {
			t.Errorf("%q: %v without a hint", source, err)
		}
	}
}
