package nfs_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/nfstest"
)

func TestCallsSurviveTheServer(t *testing.T) {
	fs := nfstest.New()
	c, srv := dial(t, fs, nfs.Options{Connections: 2})
	ctx := within(t, time.Minute)
	file := must[nfs.CreateResult](t)(c.Create(ctx, nil, nfs.CreateArgs{Dir: fs.Root(), Name: "f"})).Object.Handle
	data := bytes.Repeat([]byte("x"), 100_000)
	w := must[nfs.WriteResult](t)(c.Write(ctx, nil, nfs.WriteArgs{File: file, Data: data}))

	srv.Kill()
	fs.Crash()
	ended := make(chan error)
	go func() {
		_, err := c.Write(ctx, nil, nfs.WriteArgs{File: file, Data: data})
		ended <- err
	}()
	srv.Restart()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	done := must[nfs.CommitResult](t)(c.Commit(ctx, nil, nfs.CommitArgs{File: file}))
	if done.Verifier == w.Verifier {
		t.Error("the verifier survives a crash that lost data")
	}
	if a := must[nfs.GetattrResult](t)(c.Getattr(ctx, nil, nfs.GetattrArgs{Object: file})); a.Attr.Size != uint64(len(data)) {
		t.Errorf("%d bytes survive", a.Attr.Size)
	}
}

func TestSoftClientGivesUp(t *testing.T) {
	fs := nfstest.New()
	c, srv := dial(t, fs, nfs.Options{Timeout: 100 * time.Millisecond})
	srv.Kill()
	if _, err := c.Getattr(t.Context(), nil, nfs.GetattrArgs{Object: fs.Root()}); !errors.Is(err, nfs.ErrTimeout) {
		t.Errorf("got %v", err)
	}
	srv.Restart()
	for ctx := within(t, time.Minute); ctx.Err() == nil; {
		if _, err := c.Getattr(ctx, nil, nfs.GetattrArgs{Object: fs.Root()}); err == nil {
			return
		}
	}
	t.Error("the client does not come back")
}

func TestNoServer(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := nfs.Dial(ctx, "127.0.0.1:1", nfs.Options{}); err == nil {
		t.Error("a port without a server is accepted")
	}
}
