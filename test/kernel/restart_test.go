package kernel

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/spillway/spillway/test/kernel/posix/trace"
)

// The filer is killed again and again under a client with a hard mount that creates, writes, syncs, renames and removes.
// The client waits and goes on: its handles stay good, nothing that it has synced is lost, and no exclusive create fails.
func testRestart(t *testing.T, one, two guest) {
	rounds, kills := 8, 2
	if whole() {
		rounds, kills = 80, 20
	}
	nas := folder(t, "nas")
	f := startFiler(t, "2049", folder(t, "cache"), posixOrigin(nas))
	one.mount(t, "2049", "/mnt/nas")
	two.mount(t, "2049", "/mnt/nas", everyQuestion)

	done, steps := 0, 0
	suite{
		on: one, dir: "/mnt/nas", run: "^TestWork$", within: 9 * time.Minute,
		env: []string{fmt.Sprintf("SPILLWAY_POSIX_ROUNDS=%d", rounds)},
		onLine: func(line string) {
			if !strings.HasPrefix(line, "step ") {
				return
			}
			if steps++; done < kills && steps%7 == 3 { // seven and four steps a round: each step is met in time
				done++
				f.kill()
				f.start()
			}
		},
	}.test(t)
	if done != kills {
		t.Errorf("the filer was killed %d times, want %d", done, kills)
	}
	if err := trace.Check(nas, rounds); err != nil {
		t.Errorf("the folder behind the filer: %v", err)
	}
	listing := two.sh(t, time.Minute, "cd /mnt/nas && busybox find . -type f | busybox wc -l")
	if want := fmt.Sprint(1 + 3*rounds); strings.TrimSpace(listing) != want {
		t.Errorf("the other client sees %s files, want %s", strings.TrimSpace(listing), want)
	}
}
