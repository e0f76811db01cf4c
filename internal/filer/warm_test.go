package filer

import (
	"encoding/binary"
	"io"
	"net"
	"testing"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/nfstest"
	"github.com/spillway/spillway/nfs/xdr"
)

// warmCall is a call that is made again and again, over a connection without a client's help.
type warmCall struct {
	name string
	proc nfs.Proc
	args []byte
	want nfs.Status
}

// request returns the call as a record, by somebody who is neither root nor the owner and has groups.
func (c *warmCall) request() []byte {
	b := []byte{0, 0, 0, 0}
	for _, v := range []uint32{7, 0, 2, nfs.Program, nfs.Version, uint32(c.proc), 1} {
		b = xdr.AppendUint32(b, v)
	}
	cred := xdr.AppendString(xdr.AppendUint32(nil, 0), "warm")
	for _, v := range []uint32{1000, 1000, 3, 30, 10, 20} {
		cred = xdr.AppendUint32(cred, v)
	}
	b = xdr.AppendUint64(xdr.AppendOpaque(b, cred), 0)
	b = append(b, c.args...)
	binary.BigEndian.PutUint32(b, 1<<31|uint32(len(b)-4))
	return b
}

// TestWarmCallsAskNobodyAndCostLittle guards the path of calls that are answered from the cache: within the verification
// window none of them reaches the origin, and none allocates more than a name.
func TestWarmCallsAskNobodyAndCostLittle(t *testing.T) {
	fs := nfstest.New()
	fs.Add("file", make([]byte, 64<<10))
	up := nfstest.Start(t, fs)
	f := start(t, Config{Exports: []Export{{Path: "/nas", Origin: remote(t, up.Addr, "/")}}})
	c := dial(t, f.addr, "/nas")
	file := c.look(c.root, "file")
	c.get(file, 16<<10)
	if _, err := c.Readdirplus(t.Context(), nil, nfs.ReaddirplusArgs{Dir: c.root, DirCount: 8192, MaxCount: 8192}); err != nil {
		t.Fatal(err)
	}

	handle := func(h nfs.Handle) []byte { return xdr.AppendOpaque(nil, h.Bytes()) }
	nc, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	reply := make([]byte, 8<<10)
	limit := 2.0
	if raceDetector { // pools lose some of what they hold then, on purpose
		limit = 8
	}
	for _, w := range []warmCall{
		{"GETATTR", nfs.ProcGetattr, handle(file), nfs.OK},
		{"ACCESS", nfs.ProcAccess, xdr.AppendUint32(handle(file), 0x3f), nfs.OK},
		{"LOOKUP", nfs.ProcLookup, xdr.AppendString(handle(c.root), "file"), nfs.OK},
		{"LOOKUP of nothing", nfs.ProcLookup, xdr.AppendString(handle(c.root), "nothing"), nfs.ErrNoEnt},
		{"READ", nfs.ProcRead, xdr.AppendUint32(xdr.AppendUint64(handle(file), 4096), 4096), nfs.OK},
	} {
		request := w.request()
		roundTrip := func() {
			if _, err := nc.Write(request); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(nc, reply[:4]); err != nil {
				t.Fatal(err)
			}
			n := binary.BigEndian.Uint32(reply) &^ (1 << 31)
			if _, err := io.ReadFull(nc, reply[:n]); err != nil {
				t.Fatal(err)
			}
			if s := nfs.Status(binary.BigEndian.Uint32(reply[24:])); s != w.want {
				t.Fatalf("%s: %v", w.name, s)
			}
		}
		roundTrip() // the first may ask whether this caller may
		var before, after int64
		count := func(sum *int64) {
			for p := nfs.ProcNull; p <= nfs.ProcCommit; p++ {
				*sum += fs.Calls(p)
			}
		}
		count(&before)
		got := testing.AllocsPerRun(100, roundTrip)
		count(&after)
		if got > limit {
			t.Errorf("%s costs %.0f allocations", w.name, got)
		}
		if before != after {
			t.Errorf("%s asked the origin %d times", w.name, after-before)
		}
	}
}

func TestHandlesOfTheVersionBefore(t *testing.T) {
	s, err := newSealer(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	now := s.seal(handle{1, 2, 3})
	b := append([]byte{}, now.Bytes()...)
	b[0] = handleHMAC
	var mac [16]byte
	s.hmac(b[:handleBody], &mac)
	copy(b[handleBody:], mac[:])
	before, _ := nfs.NewHandle(b)
	for name, h := range map[string]nfs.Handle{"now": now, "before": before} {
		got, err := s.open(&h)
		if err != nil || got != (handle{1, 2, 3}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		for i := range b { // every bit counts, the version's too
			bad := append([]byte{}, h.Bytes()...)
			bad[i] ^= 1 << (i % 8)
			broken, _ := nfs.NewHandle(bad)
			if _, err := s.open(&broken); err == nil {
				t.Errorf("%s: byte %d may be changed", name, i)
			}
		}
	}
}

func TestTableKeepsWhatIsInUse(t *testing.T) {
	tab, tg := newTable(64*4), &target{id: 1}
	held := tab.add(1, tg, "held")
	for i := uint64(2); i < 10_000; i++ {
		tab.put(tab.add(i, tg, origin.ID(binary.BigEndian.AppendUint64(nil, i))))
		tab.put(tab.known(1))
	}
	if n := tab.len(); n > 64*5 {
		t.Errorf("%d inodes in memory", n)
	}
	if tab.known(1) != held || tab.knownOrigin(fileKey{1, "held"}) != held {
		t.Error("an inode in use has left memory")
	}
	tab.forget(held)
	if tab.known(1) != nil || tab.knownOrigin(fileKey{1, "held"}) != nil {
		t.Error("a forgotten inode is found")
	}
	total := 0
	for i := range tab.shards {
		s := &tab.shards[i]
		total += len(s.ring)
		for slot, ino := range s.ring {
			if ino.slot != slot || s.byID[ino.id] != ino {
				t.Fatalf("inode %d is not where it says", ino.id)
			}
		}
	}
	if total != tab.len() {
		t.Errorf("%d in rings, %d by origin", total, tab.len())
	}
}

func TestCredentialsDoNotCollide(t *testing.T) {
	many := make([]uint32, 40)
	for i := range many {
		many[i] = uint32(i)
	}
	other := append([]uint32{}, many...)
	other[39] = 99
	key := func(c origin.Cred) string { return string(credKey(nil, c)) }
	if key(origin.Cred{UID: 1, GIDs: many}) == key(origin.Cred{UID: 1, GIDs: other}) {
		t.Error("groups beyond the sixteenth do not count")
	}
	if key(origin.Cred{UID: 1, GIDs: []uint32{2, 3}}) != key(origin.Cred{UID: 1, GIDs: []uint32{3, 2}}) {
		t.Error("the order of groups counts")
	}
}
