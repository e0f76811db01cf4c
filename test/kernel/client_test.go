package kernel

import (
	"testing"
	"time"
)

// What a client lacks at a filer.
const (
	noLocks = "locks=the export is mounted with nolock"
	noOpens = "opens at the server=NFSv3 tells the server of no opens"
)

// The suite over a filer, from two machines.
func TestFiler(t *testing.T) {
	needsRig(t)
	guests := bootGuests(t, "one", "two")
	one, two := guests[0], guests[1]

	t.Run("posix origin", func(t *testing.T) {
		startFiler(t, "2049", folder(t, "cache"), posixOrigin(folder(t, "nas")))
		one.mount(t, "2049", "/mnt/nas")
		two.mount(t, "2049", "/mnt/nas", everyQuestion)
		suite{on: one, peer: &two, dir: "/mnt/nas", within: 20 * time.Minute, without: []string{noLocks, noOpens}}.test(t)
	})
	t.Run("chain", func(t *testing.T) {
		startFiler(t, "2049", folder(t, "edge"), posixOrigin(folder(t, "nas")))
		startFiler(t, "2050", folder(t, "cloud"), nfsOrigin("2049"))
		one.mount(t, "2050", "/mnt/nas")
		two.mount(t, "2050", "/mnt/nas", everyQuestion)
		run := "Map|Open|Truncate|Sync|Permission|SetUserID|AcrossClients"
		if whole() {
			run = ""
		}
		suite{on: one, peer: &two, dir: "/mnt/nas", run: run, within: 20 * time.Minute, without: []string{noLocks, noOpens}}.test(t)
	})
	t.Run("usage models", func(t *testing.T) { testModels(t, one, two) })
	t.Run("root squash", func(t *testing.T) { testSquash(t, one, two) })
	t.Run("killed and restarted", func(t *testing.T) { testRestart(t, one, two) })
	t.Run("tools", func(t *testing.T) { testTools(t, one) })
	t.Run("locks", func(t *testing.T) { testLocks(t, one, two) })
	if whole() {
		t.Run("agent", func(t *testing.T) { testAgent(t, one) })
	}
}

// everyQuestion are mount options of a client that keeps neither attributes nor names that were not there: what it finds is
// what the filer says, and not what its kernel remembers.
const everyQuestion = "noac,lookupcache=positive"
