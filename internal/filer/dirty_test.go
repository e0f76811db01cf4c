package filer

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// A file is changed, written back, changed meanwhile, and the way fails or arrives at random. Applying the layers to the
// origin's bytes must always give what the client has.
func TestDirtyLayers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		const limit = 64
		client := bytes.Repeat([]byte{1}, rapid.IntRange(0, limit).Draw(rt, "size"))
		store := append([]byte{}, client...) // the origin
		next := byte(2)
		d := &dirty{base: nfs.Attr{Size: uint64(len(client))}, layer: layer{cut: uint64(len(client))}}
		var snapshot []byte
		apply := func(to []byte, l *layer, from []byte, size int) []byte {
			to = append([]byte{}, to[:min(int(l.cut), len(to))]...)
			to = append(to, make([]byte, max(size-len(to), 0))...)
			for _, s := range l.bytes.spans {
				copy(to[s.from:min(s.to, uint64(len(to)))], from[s.from:])
			}
			return to[:size]
		}
		rt.Repeat(map[string]func(*rapid.T){
			"write": func(rt *rapid.T) {
				from := rapid.IntRange(0, limit-1).Draw(rt, "from")
				to := rapid.IntRange(from+1, limit).Draw(rt, "to")
				client = append(client, make([]byte, max(to-len(client), 0))...)
				for i := from; i < to; i++ {
					client[i] = next
				}
				next++
				d.wrote(uint64(from), uint64(to))
			},
			"truncate": func(rt *rapid.T) {
				n := rapid.IntRange(0, limit).Draw(rt, "n")
				client = append(append([]byte{}, client[:min(n, len(client))]...), make([]byte, max(n-len(client), 0))...)
				d.truncated(uint64(n))
			},
			"send": func(*rapid.T) {
				if d.sent == nil {
					d.send(&nfs.Attr{Size: uint64(len(client))})
					snapshot = append([]byte{}, client...)
				}
			},
			"fail": func(*rapid.T) { d.failed() },
			"arrive": func(*rapid.T) {
				if d.sent != nil {
					store = apply(store, d.sent, snapshot, int(d.sent.size))
					if !bytes.Equal(store, snapshot) {
						rt.Fatalf("the origin has %v, the client had %v", store, snapshot)
					}
					d.arrived(nfs.Attr{Size: uint64(len(store))})
				}
			},
			"": func(rt *rapid.T) {
				all := layer{bytes: d.all(), cut: d.cut()}
				if got := apply(store, &all, client, len(client)); !bytes.Equal(got, client) {
					rt.Fatalf("layers give %v, the client has %v", got, client)
				}
				if len(d.all().spans) == 0 && !d.pending(uint64(len(client))) && d.sent == nil && !bytes.Equal(store, client) {
					rt.Fatalf("nothing is dirty, and the origin has %v, the client %v", store, client)
				}
			},
		})
	})
}

func TestRangesAnd(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		draw := func(name string) (r ranges, set [32]bool) {
			for _, at := range rapid.SliceOfN(rapid.IntRange(0, 31), 0, 32).Draw(rt, name) {
				r.add(uint64(at), uint64(at+1))
				set[at] = true
			}
			return r, set
		}
		a, as := draw("a")
		b, bs := draw("b")
		both := a.and(&b)
		for i := range as {
			if both.has(uint64(i), uint64(i+1)) != (as[i] && bs[i]) {
				rt.Fatalf("%v and %v gives %v", a, b, both)
			}
		}
	})
}

func someState() state {
	return state{
		inode: 7, target: 2, gen: 9, synced: 1000, first: time.Unix(1, 2), last: time.Unix(3, 4), tried: time.Unix(5, 6),
		as: origin.Cred{UID: 1000, GID: 100, GIDs: []uint32{1, 2}}, sessions: []uint64{0, 5}, place: place{3, "frame.exr"},
		base: nfs.Attr{Type: nfs.TypeRegular, Mode: 0o644, Nlink: 1, Size: 5, FileID: 1 << 60, Mtime: nfs.Time{Sec: 1, Nsec: 2}},
		size: 4096, mtime: nfs.Time{Sec: 9}, ctime: nfs.Time{Sec: 10, Nsec: 1}, times: true, atime: nfs.SetTimeTo(nfs.Time{Sec: 77}),
		cut: 3, bytes: ranges{[]span{{0, 3}, {10, 4096}}},
	}
}

func TestLogRecordsRoundTrip(t *testing.T) {
	s := someState()
	got, err := parseLogRecord(s.encode())
	if err != nil || !reflect.DeepEqual(got, s) {
		t.Errorf("state: %+v, %v", got, err)
	}
	d := dataRecord{inode: 1, gen: 2, size: 3, mtime: nfs.Time{Sec: 4}, ctime: nfs.Time{Nsec: 5}, off: 6, data: []byte("seven")}
	if got, err := parseLogRecord(d.encode()); err != nil || !reflect.DeepEqual(got, d) {
		t.Errorf("data: %+v, %v", got, err)
	}
	if got, err := parseLogRecord(cleanRecord(300)); err != nil || got != uint64(300) {
		t.Errorf("clean: %v, %v", got, err)
	}
}

func someNames() (*nameOp, nameEnd) {
	op := &nameOp{
		serial: 7, kind: opSymlink, target: 2, dir: 3, inode: 9 | bornHere, name: "frame.exr", as: origin.Cred{UID: 1000, GID: 100, GIDs: []uint32{4}},
		session: 5, at: time.Unix(1, 2), attr: nfs.Attr{Type: nfs.TypeSymlink, Mode: 0o777, Mtime: nfs.Time{Sec: 1, Nsec: 2}}, text: "there",
		how: nfs.Exclusive, verf: nfs.Verifier{1, 2, 3, 4, 5, 6, 7, 8},
	}
	return op, nameEnd{serial: 7, inode: 9, target: 2, end: opConflict, oid: "handle", attr: nfs.Attr{FileID: 77}}
}

func TestNameRecordsRoundTrip(t *testing.T) {
	op, end := someNames()
	if got, err := parseLogRecord(op.encode()); err != nil || !reflect.DeepEqual(got, op) {
		t.Errorf("name: %+v, %v", got, err)
	}
	if got, err := parseLogRecord(end.encode()); err != nil || !reflect.DeepEqual(got, end) {
		t.Errorf("end: %+v, %v", got, err)
	}
	end.end = opForsaken // and yet it is at the origin
	if got, err := parseLogRecord(end.encode()); err == nil {
		t.Errorf("an end that contradicts itself: %+v", got)
	}
}

func FuzzLogRecord(f *testing.F) {
	s := someState()
	f.Add(s.encode())
	d := dataRecord{inode: 1, data: []byte("x")}
	f.Add(d.encode())
	f.Add(cleanRecord(1 << 40))
	r := someAnswer()
	f.Add(r.encode())
	op, end := someNames()
	f.Add(op.encode())
	f.Add(end.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := parseLogRecord(b)
		if err != nil {
			return
		}
		var again []byte
		switch r := got.(type) {
		case state:
			again = r.encode()
		case dataRecord:
			again = r.encode()
		case uint64:
			again = cleanRecord(r)
		case replyRecord:
			again = r.encode()
		case *nameOp:
			again = r.encode()
		case nameEnd:
			again = r.encode()
		}
		if back, err := parseLogRecord(again); err != nil || !reflect.DeepEqual(back, got) {
			t.Fatalf("does not read what it writes: %+v, then %+v, %v", got, back, err)
		}
	})
}
