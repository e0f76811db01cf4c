package nsm

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/spillway/spillway/nfs/rpc"
	"github.com/spillway/spillway/nfs/xdr"
)

func TestBothProcedures(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var told NotifyArgs
	p := Procedures{
		Stat: func(_ context.Context, _ *rpc.Call, a *StatArgs, r *StatResult) {
			r.Failed, r.State = a.Name != "here", 41
		},
		Notify: func(_ context.Context, _ *rpc.Call, a *NotifyArgs) { told = *a },
	}
	srv := rpc.NewServer([]rpc.Program{p.Program()}, rpc.Limits{}, rpc.Hooks{})
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(context.Background(), l) }()
	defer func() { srv.Close(); <-done }()
	c, err := Dial(t.Context(), l.Addr().String(), rpc.Options{Connections: 1, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if r, err := c.Stat(t.Context(), "here"); err != nil || r != (StatResult{State: 41}) {
		t.Errorf("%+v, %v", r, err)
	}
	if r, err := c.Stat(t.Context(), "there"); err != nil || !r.Failed {
		t.Errorf("%+v, %v", r, err)
	}
	if err := c.Notify(t.Context(), NotifyArgs{"ws1", 7}); err != nil || told != (NotifyArgs{"ws1", 7}) {
		t.Errorf("%+v, %v", told, err)
	}
}

// FuzzDecode checks that whatever decodes says the same after encoding and decoding again.
func FuzzDecode(f *testing.F) {
	f.Add((&NotifyArgs{"ws1", -3}).AppendXDR(nil))
	f.Add((&StatResult{true, 3}).AppendXDR(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := xdr.NewDecoder(b)
		var n, again NotifyArgs
		if n.DecodeXDR(&d); d.Err() == nil {
			d.Reset(n.AppendXDR(nil))
			if again.DecodeXDR(&d); d.Err() != nil || again != n {
				t.Fatalf("%+v became %+v", n, again)
			}
		}
		d.Reset(b)
		var r, r2 StatResult
		if r.DecodeXDR(&d); d.Err() == nil {
			d.Reset(r.AppendXDR(nil))
			if r2.DecodeXDR(&d); d.Err() != nil || r2 != r {
				t.Fatalf("%+v became %+v", r, r2)
			}
		}
		d.Reset(b)
		var s StatArgs
		s.DecodeXDR(&d)
	})
}
