package kernel

import (
	"net"
	"testing"
	"time"
)

// testLocks mounts with `lock`: the clients' lockd speaks NLM with the filer, which it finds through the port mapper.
func testLocks(t *testing.T, one, two guest) {
	startFiler(t, "2049", folder(t, "cache"), posixOrigin(folder(t, "nas")))
	conn, err := net.DialTimeout("tcp", "127.0.0.1:111", 10*time.Second)
	if err != nil {
		t.Fatalf("the filer is ready, and nobody answers for a port mapper beside it: %v", err)
	}
	conn.Close()
	for _, g := range []guest{one, two} {
		g.lockDaemons(t)
		g.mount(t, "2049", "/mnt/nas", "lock")
	}
	suite{on: one, peer: &two, dir: "/mnt/nas", run: "Lock|Flock", within: 5 * time.Minute}.test(t)
}

// lockDaemons starts what a client needs for locks: its own port mapper, and the daemon that tells servers of reboots.
func (g guest) lockDaemons(t *testing.T) {
	t.Helper()
	g.sh(t, time.Minute, "busybox mkdir -p /run/rpcbind; rpcbind -i; rpc.statd --no-notify; rpcinfo -p")
}
