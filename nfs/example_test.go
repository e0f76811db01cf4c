package nfs_test

import (
	"context"
	"fmt"
	"net"

	"github.com/spillway/spillway/nfs"
)

// A server with one file, and a client that reads it.
func Example() {
	ctx := context.Background()
	file, _ := nfs.NewHandle([]byte("the only file"))
	text := []byte("hello from NFS")
	srv := &nfs.Server{
		Mount: nfs.MountProcedures{
			Mnt: func(_ context.Context, _ *nfs.Request, args *nfs.MntArgs, res *nfs.MntResult) {
				if args.Path != "/hello" {
					res.Status = nfs.ErrNoEnt
					return
				}
				res.Root = file
			},
		},
		NFS: nfs.Procedures{
			Read: func(_ context.Context, _ *nfs.Request, args *nfs.ReadArgs, res *nfs.ReadResult) {
				begin := min(args.Offset, uint64(len(text)))
				end := min(begin+uint64(args.Count), uint64(len(text)))
				res.Data, res.EOF = text[begin:end], end == uint64(len(text))
			},
		},
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go srv.Serve(ctx, l)
	defer srv.Close()

	c, err := nfs.Dial(ctx, l.Addr().String(), nfs.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	mnt, err := c.Mnt(ctx, nil, "/hello")
	fmt.Println(mnt.Root == file, err)
	res, err := c.Read(ctx, nil, nfs.ReadArgs{File: mnt.Root, Offset: 6}, make([]byte, 100))
	fmt.Printf("%s %v %v\n", res.Data, res.EOF, err)
	_, err = c.Getattr(ctx, nil, nfs.GetattrArgs{Object: mnt.Root})
	fmt.Println(err)
	// Output:
	// true <nil>
	// from NFS true <nil>
	// nfs: operation not supported
}
