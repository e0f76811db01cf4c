package filer

import (
	"testing"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/internal/origin/origintest"
)

// A filer is an origin for the next one: what origins must do, filers must do, over a folder and over another filer.
func TestFilerIsAnOrigin(t *testing.T) {
	t.Run("over a folder", func(t *testing.T) {
		origintest.Run(t, func(t *testing.T) origin.Origin {
			_, o := folder(t)
			f := start(t, Config{Exports: []Export{{Path: "/nas", Origin: o}}})
			return remote(t, f.addr, "/nas")
		})
	})
	t.Run("that writes back over a filer", func(t *testing.T) {
		for _, delay := range []time.Duration{time.Hour, time.Millisecond} {
			t.Run(delay.String(), func(t *testing.T) {
				origintest.Run(t, func(t *testing.T) origin.Origin { return remote(t, newBackFarm(t, delay).cloud.addr, "/nas") })
			})
		}
	})
	t.Run("over a filer", func(t *testing.T) {
		origintest.Run(t, func(t *testing.T) origin.Origin { return remote(t, newFarm(t).cloud.addr, "/nas") })
	})
}
