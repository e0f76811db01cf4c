package filer

import (
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/filer/wal/waltest"
	"github.com/spillway/spillway/nfs"
)

func someAnswer() replyRecord {
	wire := nfs.AppendWire(nil, &nfs.SetattrResult{Wcc: nfs.WccData{After: nfs.WithAttr(nfs.Attr{Type: nfs.TypeRegular, Size: 3})}})
	return replyRecord{
		key: callKey{client: netip.MustParseAddr("10.0.0.7"), xid: 1 << 31, proc: nfs.ProcSetattr, sum: [16]byte{1, 15: 2}}, wire: wire,
		change: cleanRecord(7),
	}
}

func TestAnswersRoundTrip(t *testing.T) {
	for _, addr := range []netip.Addr{{}, netip.MustParseAddr("10.0.0.7"), netip.MustParseAddr("fe80::1")} {
		r := someAnswer()
		r.key.client = addr
		if got, err := parseLogRecord(r.encode()); err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%v: %+v, %v", addr, got, err)
		}
		r.change = nil
		if got, err := parseAnswers(answersOf([]replyRecord{r, r})); err != nil || !reflect.DeepEqual(got, []replyRecord{r, r}) {
			t.Errorf("%v: %+v, %v", addr, got, err)
		}
	}
	inner := someAnswer()
	outer := replyRecord{key: inner.key, wire: inner.wire, change: inner.encode()}
	if _, err := parseLogRecord(outer.encode()); err == nil {
		t.Error("an answer within an answer is read")
	}
}

func FuzzAnswers(f *testing.F) {
	r := someAnswer()
	f.Add(answersOf([]replyRecord{r, r}))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		all, err := parseAnswers(b)
		if err != nil {
			return
		}
		if again, err := parseAnswers(answersOf(all)); err != nil || !reflect.DeepEqual(all, again) {
			t.Fatalf("does not read what it writes: %+v, then %+v, %v", all, again, err)
		}
	})
}

// recorder is a client's connection that keeps what the client sent last.
type recorder struct {
	net.Conn
	sent *[]byte
}

func (r recorder) Write(b []byte) (int, error) {
	*r.sent = slices.Clone(b)
	return r.Conn.Write(b)
}

// repeat sends a recorded call again, over a connection of its own, and returns the reply.
func repeat(t *testing.T, addr string, call []byte) []byte {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	if _, err := c.Write(call); err != nil {
		t.Fatal(err)
	}
	reply, err := readRecord(c)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// readRecord reads one message of one fragment, with its mark.
func readRecord(r io.Reader) ([]byte, error) {
	b := make([]byte, 4)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	b = append(b, make([]byte, binary.BigEndian.Uint32(b)&^(1<<31))...)
	_, err := io.ReadFull(r, b[4:])
	return b, err
}

// A guarded SETATTR that is written back, and the names that went through, are answered after a crash, and after an
// orderly end, as they were before.
func TestRepeatsAreAnsweredAfterARestart(t *testing.T) {
	o := newWobbly(rand.New(rand.NewPCG(1, 1)))
	r := start(t, Config{Exports: []Export{{Path: "/nas", Origin: o, WriteBack: time.Hour}}, logDisk: waltest.New(), logSize: backConfig(Export{}).logSize})
	var sent []byte
	c, err := nfs.Dial(t.Context(), r.addr, nfs.Options{
		Connections: 1, Auth: nfs.Sys("test", 1000, 1000),
		Dialer: func(_ context.Context, addr string) (net.Conn, error) {
			c, err := net.Dial("tcp", addr)
			return recorder{c, &sent}, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m, err := c.Mnt(t.Context(), nil, "/nas")
	if err != nil {
		t.Fatal(err)
	}
	type repeated struct{ call, reply []byte }
	var all []repeated
	keep := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, repeated{sent, repeat(t, r.addr, sent)})
	}
	made, err := c.Create(t.Context(), nil, nfs.CreateArgs{Dir: m.Root, Name: "a", How: nfs.Guarded})
	keep(err)
	_, err = c.Rename(t.Context(), nil, nfs.RenameArgs{FromDir: m.Root, FromName: "a", ToDir: m.Root, ToName: "b"})
	keep(err)
	a, err := c.Getattr(t.Context(), nil, nfs.GetattrArgs{Object: made.Object.Handle})
	if err != nil {
		t.Fatal(err)
	}
	cut := nfs.SetattrArgs{Object: made.Object.Handle, Attr: nfs.SetAttr{Size: nfs.Set64(100)}, Guarded: true, Ctime: a.Attr.Ctime}
	_, err = c.Setattr(t.Context(), nil, cut) // durable in the log, and so is all that was answered before it
	keep(err)
	_, err = c.Setattr(t.Context(), nil, nfs.SetattrArgs{Object: made.Object.Handle, Attr: nfs.SetAttr{Size: nfs.Set64(50)}})
	keep(err)
	check := func(when string) {
		t.Helper()
		for i, x := range all {
			if got := repeat(t, r.addr, x.call); !slices.Equal(got, x.reply) {
				t.Errorf("%s, call %d: %x, and was %x", when, i, got, x.reply)
			}
		}
		if a, err := c.Getattr(t.Context(), nil, nfs.GetattrArgs{Object: made.Object.Handle}); err != nil || a.Attr.Size != 50 {
			t.Errorf("%s: the file has %d bytes, %v: a repeat was done again", when, a.Attr.Size, err)
		}
	}
	check("at once")
	r.crash()
	check("after a crash")
	if err := r.wb.checkpoint(); err != nil {
		t.Fatal(err)
	}
	r.crash()
	check("after a checkpoint and a crash")
	o.set(0, true) // or the file would land
	r.down(func(f *Filer) error { return f.Close() })
	o.set(0, false)
	r.up(r.addr)
	check("after an orderly end")
}
