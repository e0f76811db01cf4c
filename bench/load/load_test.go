package load_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/spillway/spillway/bench/load"
	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/nfstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lookUp returns a file of the server by name.
func lookUp(t *testing.T, addr string, dir nfs.Handle, name string) load.File {
	t.Helper()
	c, err := nfs.Dial(t.Context(), addr, nfs.Options{Auth: nfs.Sys("test", 0, 0)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	res, err := c.Lookup(t.Context(), nil, nfs.LookupArgs{Dir: dir, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return load.File{Name: name, Handle: res.Object, Size: res.Attr.Attr.Size}
}

func TestEveryCallIsCountedOnce(t *testing.T) {
	fs := nfstest.New()
	fs.Add("file", make([]byte, 64<<10))
	s := nfstest.Start(t, fs)
	root := load.File{Handle: fs.Root()}
	file := lookUp(t, s.Addr, fs.Root(), "file")
	for name, c := range map[string]struct {
		work  load.Work
		procs []nfs.Proc
	}{
		"getattr":    {load.Getattr([]load.File{file}), []nfs.Proc{nfs.ProcGetattr}},
		"storm":      {load.Storm(root, []load.File{file}), []nfs.Proc{nfs.ProcLookup, nfs.ProcAccess}},
		"sequential": {load.Read(file, 16<<10, false), []nfs.Proc{nfs.ProcRead}},
		"random":     {load.Read(file, 4<<10, true), []nfs.Proc{nfs.ProcRead}},
		"write":      {load.Write(file, 64<<10, make([]byte, 16<<10), nfs.Unstable), []nfs.Proc{nfs.ProcWrite}},
		"create":     {load.Create(root, "new"), []nfs.Proc{nfs.ProcCreate}},
	} {
		before := int64(0)
		for _, p := range c.procs {
			before -= fs.Calls(p)
		}
		res, err := load.Run(load.Plan{Addr: netip.MustParseAddrPort(s.Addr), Conns: 2, Depth: 4, For: 50 * time.Millisecond}, c.work)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		served := before
		for _, p := range c.procs {
			served += fs.Calls(p)
		}
		if res.Calls != uint64(served) || res.Errors != 0 || res.P99 < res.P50 || res.P50 == 0 {
			t.Errorf("%s: %+v counted, the server has served %d", name, res.Calls, served)
		}
	}
}

// A run of so many calls ends with them; a file that is written on and on gets each block once and a COMMIT after each two.
func TestARunOfSoManyCalls(t *testing.T) {
	fs := nfstest.New()
	fs.Add("file", nil)
	s := nfstest.Start(t, fs)
	file := lookUp(t, s.Addr, fs.Root(), "file")
	plan := load.Plan{Addr: netip.MustParseAddrPort(s.Addr), Conns: 1, Depth: 2, For: time.Hour, Calls: 9}
	res, err := load.Run(plan, load.WriteOn(file, make([]byte, 4<<10), 2))
	if err != nil {
		t.Fatal(err)
	}
	size := lookUp(t, s.Addr, fs.Root(), "file").Size
	if res.Calls != 9 || fs.Calls(nfs.ProcWrite) != 6 || fs.Calls(nfs.ProcCommit) != 3 || res.Sent != 24<<10 || size != 24<<10 {
		t.Errorf("%d calls with %d bytes, served as %d WRITEs and %d COMMITs: the file has %d bytes",
			res.Calls, res.Sent, fs.Calls(nfs.ProcWrite), fs.Calls(nfs.ProcCommit), size)
	}
}

func TestLocalWork(t *testing.T) {
	var done atomic.Uint64
	res, err := load.Local(3, 10*time.Millisecond, func(_, _ uint64) error {
		done.Add(1)
		return nil
	})
	if err != nil || res.Calls != done.Load() || res.Calls < 3 {
		t.Errorf("%d of %d operations counted, %v", res.Calls, done.Load(), err)
	}
	broken := errors.New("broken")
	res, err = load.Local(2, time.Hour, func(thread, n uint64) error {
		if n == 1 {
			return broken
		}
		return nil
	})
	if !errors.Is(err, broken) || res.Calls != 4 {
		t.Errorf("%d operations, %v", res.Calls, err)
	}
}

func TestAWrongAnswerFailsTheRun(t *testing.T) {
	fs := nfstest.New()
	fs.Add("file", make([]byte, 8<<10))
	s := nfstest.Start(t, fs)
	file := lookUp(t, s.Addr, fs.Root(), "file")
	plan := load.Plan{Addr: netip.MustParseAddrPort(s.Addr), Conns: 1, Depth: 2, For: 10 * time.Millisecond}
	gone := file
	gone.Handle, _ = nfs.NewHandle([]byte("nobody's"))
	if _, err := load.Run(plan, load.Getattr([]load.File{gone})); err == nil {
		t.Error("errors of the server were taken for answers")
	}
	short := file
	short.Size = 1 << 20 // the server has less
	if _, err := load.Run(plan, load.Read(short, 64<<10, false)); err == nil || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("short replies: %v", err)
	}
}

func TestListReadsEveryNameOnce(t *testing.T) {
	fs := nfstest.New()
	for i := range 300 {
		fs.Add(strings.Repeat("x", 1+i%200)+string(rune('a'+i%26))+string(rune('a'+i/26)), nil)
	}
	s := nfstest.Start(t, fs)
	seen := map[string]int{}
	l, err := load.List(netip.MustParseAddrPort(s.Addr), fs.Root(), 8<<10, func(name []byte, _ nfs.Handle, _ uint64) { seen[string(name)]++ })
	if err != nil {
		t.Fatal(err)
	}
	delete(seen, ".")
	delete(seen, "..")
	if len(seen) != 300 || l.Pages < 3 {
		t.Errorf("%d names in %d pages", len(seen), l.Pages)
	}
	for name, n := range seen {
		if n != 1 {
			t.Errorf("%q came %d times", name, n)
		}
	}
}

func TestCeilingServesReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(path, make([]byte, 4<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- load.Ceiling(ctx, l, path) }()
	plan := load.Plan{Addr: netip.MustParseAddrPort(l.Addr().String()), Conns: 2, Depth: 4, For: 50 * time.Millisecond}
	if _, err := load.Run(plan, load.Read(load.File{Size: 4 << 20}, 1<<20, false)); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
