package rpc

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway/spillway/nfs/xdr"
)

func TestCallHeader(t *testing.T) {
	sys := Sys("render-07", 1001, 100, 4, 24, 27)
	b := appendCall(nil, 77, 100003, 3, 6, sys)
	d := xdr.NewDecoder(append(b, "args"...))
	var h callHeader
	h.decode(&d)
	if d.Err() != nil || d.Len() != 4 || h.xid != 77 || h.program != 100003 || h.version != 3 || h.procedure != 6 {
		t.Fatalf("%+v, %v, %d bytes left", h, d.Err(), d.Len())
	}
	got, stat := parseAuth(h.flavor, h.credential)
	if diff := cmp.Diff(sys, got); stat != AuthOK || diff != "" {
		t.Errorf("%d:\n%s", stat, diff)
	}
}

func TestCredentialsAreBounded(t *testing.T) {
	many := Sys(string(bytes.Repeat([]byte("x"), 300)), 1, 2, make([]uint32, 40)...)
	d := xdr.NewDecoder(many.append(nil))
	flavor := Flavor(d.Uint32())
	got, stat := parseAuth(flavor, d.Opaque(maxAuthBody))
	if stat != AuthOK || len(got.GIDs) != MaxGIDs || len(got.Machine) != maxMachine {
		t.Errorf("%d: %d groups, %d bytes of name", stat, len(got.GIDs), len(got.Machine))
	}
	for name, c := range map[string]struct {
		flavor Flavor
		body   []byte
		want   AuthStat
	}{
		"short":           {AuthSys, []byte{0, 0, 0, 1}, AuthBadCred},
		"17 groups":       {AuthSys, append(make([]byte, 16), append([]byte{0, 0, 0, 17}, make([]byte, 68)...)...), AuthBadCred},
		"4 billion":       {AuthSys, append(make([]byte, 16), 0xff, 0xff, 0xff, 0xff), AuthBadCred},
		"bytes behind":    {AuthSys, make([]byte, 24), AuthBadCred},
		"RPCSEC_GSS":      {6, nil, AuthRejectedCred},
		"anonymous, fine": {AuthNone, nil, AuthOK},
	} {
		if _, stat := parseAuth(c.flavor, c.body); stat != c.want {
			t.Errorf("%s: auth_stat %d, want %d", name, stat, c.want)
		}
	}
}

func TestRefusals(t *testing.T) {
	for _, want := range []*Error{
		{Accept: ProgUnavail}, {Accept: ProgMismatch, Low: 3, High: 4}, {Accept: ProcUnavail}, {Accept: GarbageArgs}, {Accept: SystemErr},
		{Denied: true, Low: 2, High: 2}, {Denied: true, Auth: AuthTooWeak},
	} {
		d := xdr.NewDecoder(appendRefusal(nil, 5, want))
		if xid := d.Uint32(); xid != 5 {
			t.Errorf("xid %d", xid)
		}
		var got *Error
		if err := decodeReply(&d); !errors.As(err, &got) || !cmp.Equal(got, want) || d.Len() != 0 {
			t.Errorf("%+v became %v", want, err)
		}
		if got.Error() == "" {
			t.Error("an error without words")
		}
	}
	d := xdr.NewDecoder(appendAccepted(nil, 5, Success)[4:])
	if err := decodeReply(&d); err != nil {
		t.Errorf("success became %v", err)
	}
}

// FuzzHeaders gives bytes to the decoders of both headers: an accepted call must survive a round trip.
func FuzzHeaders(f *testing.F) {
	f.Add(appendCall(nil, 1, 2, 3, 4, Sys("m", 5, 6, 7)))
	f.Add(appendCall(nil, 1, 2, 3, 4, &Auth{}))
	f.Add(appendRefusal(nil, 1, &Error{Accept: ProgMismatch, Low: 1, High: 2})[4:])
	f.Add(appendRefusal(nil, 1, &Error{Denied: true, Auth: AuthTooWeak})[4:])
	f.Fuzz(func(t *testing.T, b []byte) {
		d := xdr.NewDecoder(b)
		if err := decodeReply(&d); err != nil {
			var refusal *Error
			if !errors.As(err, &refusal) && !errors.Is(err, ErrMalformed) {
				t.Errorf("reply: %v", err)
			}
		}
		d.Reset(b)
		var h callHeader
		if h.decode(&d); d.Err() != nil || h.rpcVersion != rpcVersion {
			return
		}
		auth, stat := parseAuth(h.flavor, h.credential)
		if stat != AuthOK {
			return
		}
		d.Reset(appendCall(nil, h.xid, h.program, h.version, h.procedure, auth))
		var again callHeader
		again.decode(&d)
		same, _ := parseAuth(again.flavor, again.credential)
		if d.Err() != nil || again.xid != h.xid || again.procedure != h.procedure || !cmp.Equal(auth, same) {
			t.Errorf("%+v became %+v", h, again)
		}
	})
}
