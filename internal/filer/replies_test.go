package filer

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spillway/spillway/nfs"
)

// ask is one call of a client that is answered by what fn returns.
func ask(r *replies, client string, xid uint32, fn func() nfs.Status) nfs.Status {
	req := &nfs.Request{XID: xid, Client: netip.AddrPortFrom(netip.MustParseAddr(client), 700), Auth: nfs.Sys("node", 0, 0)}
	var res nfs.NewResult
	once(r, req, nfs.ProcCreate, &nfs.CreateArgs{Name: "f"}, &res, func() { res.Status = fn() })
	return res.Status
}

// answered reports whether a call's first answer is still known.
func answered(r *replies, client string, xid uint32) bool {
	return ask(r, client, xid, func() nfs.Status { return nfs.ErrExist }) == nfs.OK
}

func ok() nfs.Status { return nfs.OK }

func TestRepeatsGetTheFirstAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplies()
		begun, let := make(chan struct{}), make(chan struct{})
		first, repeat := make(chan nfs.Status, 1), make(chan nfs.Status, 1)
		go func() {
			first <- ask(r, "10.0.0.1", 1, func() nfs.Status { close(begun); <-let; return nfs.OK })
		}()
		<-begun
		go func() { repeat <- ask(r, "10.0.0.1", 1, func() nfs.Status { return nfs.ErrExist }) }()
		if got := ask(r, "10.0.0.2", 1, func() nfs.Status { return nfs.ErrExist }); got != nfs.ErrExist {
			t.Errorf("another client's call was answered by the first one's: %v", got)
		}
		<-time.After(10 * replyAge) // a call in progress is never forgotten
		r.expire(time.Now())
		close(let)
		if a, b := <-first, <-repeat; a != nfs.OK || b != nfs.OK {
			t.Errorf("first %v, repeat %v", a, b)
		}
		<-time.After(replyAge)
		if !answered(r, "10.0.0.1", 1) {
			t.Error("forgotten too early")
		}
		<-time.After(time.Second)
		if answered(r, "10.0.0.1", 1) {
			t.Error("an old answer was given to what must be a new call")
		}
	})
}

func TestRepliesAreBounded(t *testing.T) {
	r := newReplies()
	for xid := range uint32(3 * repliesOfClient) {
		ask(r, "10.0.0.1", xid, ok)
		ask(r, "10.0.0.2", xid%10, ok)
	}
	for xid := range uint32(10) {
		if !answered(r, "10.0.0.2", xid) {
			t.Error("a busy client cost a quiet one its answers")
		}
	}
	if len(r.calls) != repliesOfClient+10 || !answered(r, "10.0.0.1", 3*repliesOfClient-1) || !answered(r, "10.0.0.1", 2*repliesOfClient) {
		t.Errorf("%d answers are kept, not the last %d of each client", len(r.calls), repliesOfClient)
	}
	for client := range 256 {
		for xid := range uint32(repliesOfClient) {
			ask(r, netip.AddrFrom4([4]byte{10, 1, 0, byte(client)}).String(), xid, ok)
		}
	}
	if r.bytes > replyBytes || r.bytes < replyBytes-4096 || r.given.Len() != len(r.calls) || len(r.clients) > 256 {
		t.Errorf("%d bytes, %d answers of %d calls, %d clients", r.bytes, r.given.Len(), len(r.calls), len(r.clients))
	}
	r.expire(time.Now().Add(2 * replyAge))
	if r.bytes != 0 || len(r.calls) != 0 || len(r.clients) != 0 {
		t.Errorf("%d bytes, %d calls, %d clients are left of nothing", r.bytes, len(r.calls), len(r.clients))
	}
}

// Two machines started together from one image make the same verifier for the same name; one of them wins.
func TestExclusiveCreatesWithOneVerifier(t *testing.T) {
	_, o := folder(t)
	f := start(t, Config{Exports: []Export{{Path: "/nas", Origin: o}}})
	ctx, host := t.Context(), netip.MustParseAddrPort(f.addr).Addr()
	from := func(addr netip.Addr) *client {
		c, err := nfs.Dial(ctx, f.addr, nfs.Options{
			Connections: 1, Auth: nfs.Sys("node", 0, 0),
			Dialer: func(ctx context.Context, to string) (net.Conn, error) {
				d := net.Dialer{LocalAddr: &net.TCPAddr{IP: addr.AsSlice()}}
				return d.DialContext(ctx, "tcp", to)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		res, err := c.Mnt(ctx, nil, "/nas")
		if err != nil {
			t.Fatal(err)
		}
		return &client{c, t, res.Root}
	}
	one, two := from(host), from(host.Next())
	grab := func(c *client) error {
		_, err := c.Create(ctx, nil, nfs.CreateArgs{Dir: c.root, Name: "lock", How: nfs.Exclusive, Verifier: nfs.Verifier{1, 2, 3}})
		return err
	}
	if err := grab(one); err != nil {
		t.Fatal(err)
	}
	if err := grab(two); !errors.Is(err, nfs.ErrExist) {
		t.Errorf("the second client: %v, want %v", err, nfs.ErrExist)
	}
	f.crash()
	if err := grab(one); err != nil {
		t.Errorf("the first client again, from another connection: %v", err)
	}
}
