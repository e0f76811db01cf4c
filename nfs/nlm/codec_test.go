package nlm

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/rpc"
	"github.com/spillway/spillway/nfs/xdr"
)

// samples has values of every kind that goes over the wire.
func samples() []rpc.Value {
	h, _ := nfs.NewHandle([]byte("handle of seventeen"))
	lock := Lock{Caller: "ws1.studio", File: h, Owner: []byte("77@ws1"), SVID: -2, Offset: 1 << 40, Length: 1<<64 - 1}
	return []rpc.Value{
		&lock, &Lock{},
		&TestArgs{Cookie: []byte{1, 2, 3}, Exclusive: true, Lock: lock}, &TestArgs{},
		&TestResult{Cookie: []byte{9}}, &TestResult{Status: Denied, Holder: Holder{Exclusive: true, SVID: 5, Owner: []byte("o"), Offset: 7, Length: 8}},
		&LockArgs{Cookie: []byte("cook"), Block: true, Exclusive: true, Lock: lock, Reclaim: true, State: 33},
		&CancelArgs{Cookie: []byte("cook"), Block: true, Exclusive: true, Lock: lock},
		&UnlockArgs{Cookie: []byte("cook"), Lock: lock},
		&Result{Cookie: []byte("cook"), Status: Blocked},
		&ShareArgs{Cookie: []byte("c"), Caller: "pc", File: h, Owner: []byte("o"), Deny: ShareWrite, Access: ShareReadWrite, Reclaim: true},
		&ShareResult{Cookie: []byte("c"), Status: Denied, Sequence: 3},
		&FreeAllArgs{Name: "pc", State: -1},
	}
}

func blank(v rpc.Value) rpc.Value {
	return reflect.New(reflect.TypeOf(v).Elem()).Interface().(rpc.Value)
}

func same(a, b rpc.Value) bool {
	return cmp.Equal(a, b, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b nfs.Handle) bool { return a == b }))
}

func TestRoundTrip(t *testing.T) {
	for _, v := range samples() {
		b := v.AppendXDR(nil)
		got := blank(v)
		d := xdr.NewDecoder(b)
		got.DecodeXDR(&d)
		if d.Err() != nil || d.Len() != 0 || !same(v, got) {
			t.Errorf("%T: %v, %d bytes left: sent %+v, received %+v", v, d.Err(), d.Len(), v, got)
		}
		for n := range len(b) {
			d.Reset(b[:n])
			if blank(v).DecodeXDR(&d); d.Err() == nil {
				t.Errorf("%T is accepted without its last %d bytes", v, len(b)-n)
			}
		}
	}
}

// TestWire compares with bytes written down by hand from the specification.
func TestWire(t *testing.T) {
	h, _ := nfs.NewHandle([]byte{0xaa})
	for name, c := range map[string]struct {
		value rpc.Value
		want  string
	}{
		"LOCK": {
			&LockArgs{Cookie: []byte{1}, Block: true, Lock: Lock{Caller: "a", File: h, Owner: []byte{7, 8}, SVID: -1, Offset: 2, Length: 3}, Reclaim: true, State: 5},
			"\x00\x00\x00\x01\x01\x00\x00\x00" + "\x00\x00\x00\x01" + "\x00\x00\x00\x00" +
				"\x00\x00\x00\x01a\x00\x00\x00" + "\x00\x00\x00\x01\xaa\x00\x00\x00" + "\x00\x00\x00\x02\x07\x08\x00\x00" + "\xff\xff\xff\xff" +
				"\x00\x00\x00\x00\x00\x00\x00\x02" + "\x00\x00\x00\x00\x00\x00\x00\x03" + "\x00\x00\x00\x01" + "\x00\x00\x00\x05",
		},
		"TEST granted": {&TestResult{}, "\x00\x00\x00\x00" + "\x00\x00\x00\x00"},
		"TEST denied": {
			&TestResult{Status: Denied, Holder: Holder{Exclusive: true, SVID: 4, Offset: 1}},
			"\x00\x00\x00\x00" + "\x00\x00\x00\x01" + "\x00\x00\x00\x01" + "\x00\x00\x00\x04" + "\x00\x00\x00\x00" +
				"\x00\x00\x00\x00\x00\x00\x00\x01" + "\x00\x00\x00\x00\x00\x00\x00\x00",
		},
		"SHARE": {
			&ShareArgs{Caller: "a", File: h, Deny: ShareRead, Access: ShareWrite},
			"\x00\x00\x00\x00" + "\x00\x00\x00\x01a\x00\x00\x00" + "\x00\x00\x00\x01\xaa\x00\x00\x00" + "\x00\x00\x00\x00" +
				"\x00\x00\x00\x01" + "\x00\x00\x00\x02" + "\x00\x00\x00\x00",
		},
	} {
		if got := c.value.AppendXDR(nil); string(got) != c.want {
			t.Errorf("%s is % x, want % x", name, got, c.want)
		}
	}
}

func TestWideStateIsUnderstood(t *testing.T) {
	b := xdr.AppendUint64(xdr.AppendString(nil, "pc"), 7)
	d := xdr.NewDecoder(b)
	var a FreeAllArgs
	if a.DecodeXDR(&d); d.Err() != nil || d.Len() != 0 || a.State != 7 {
		t.Errorf("%+v, %v", a, d.Err())
	}
}

func TestTooLongIsRefused(t *testing.T) {
	long := bytes.Repeat([]byte("x"), 1025)
	h := xdr.AppendOpaque(nil, nil)
	for name, b := range map[string][]byte{
		"cookie": xdr.AppendOpaque(nil, long),
		"caller": xdr.AppendOpaque(xdr.AppendUint32(xdr.AppendUint32(nil, 0), 0), long),
		"file":   xdr.AppendOpaque(xdr.AppendString(xdr.AppendUint32(xdr.AppendUint32(nil, 0), 0), "a"), long[:65]),
		"owner":  xdr.AppendOpaque(append(xdr.AppendString(xdr.AppendUint32(xdr.AppendUint32(nil, 0), 0), "a"), h...), long),
	} {
		d := xdr.NewDecoder(append(b, make([]byte, 64)...))
		if new(TestArgs).DecodeXDR(&d); d.Err() == nil {
			t.Errorf("a %s that is too long is accepted", name)
		}
	}
	for name, c := range map[string]struct {
		v rpc.Value
		b []byte
	}{
		"status": {&Result{}, xdr.AppendUint32(xdr.AppendUint32(nil, 0), 10)},
		"deny": {
			&ShareArgs{},
			append(xdr.AppendUint32(append(append(xdr.AppendString(xdr.AppendUint32(nil, 0), ""), h...), h...), 4), make([]byte, 8)...),
		},
	} {
		d := xdr.NewDecoder(c.b)
		if c.v.DecodeXDR(&d); d.Err() == nil {
			t.Errorf("%s outside its enumeration is accepted", name)
		}
	}
}

// FuzzDecode checks that whatever decodes says the same after encoding and decoding again.
func FuzzDecode(f *testing.F) {
	for i, v := range samples() {
		f.Add(uint8(i), v.AppendXDR(nil))
	}
	kinds := samples()
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		v := blank(kinds[int(kind)%len(kinds)])
		d := xdr.NewDecoder(b)
		if v.DecodeXDR(&d); d.Err() != nil {
			return
		}
		again := blank(v)
		d.Reset(v.AppendXDR(nil))
		if again.DecodeXDR(&d); d.Err() != nil || d.Len() != 0 || !same(v, again) {
			t.Fatalf("%T: %v: %+v became %+v", v, d.Err(), v, again)
		}
	})
}
