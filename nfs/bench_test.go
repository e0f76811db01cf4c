package nfs_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/spillway/spillway/nfs"
)

// benchServer serves procedures that do next to nothing, so that what is measured is this package.
func benchServer(b *testing.B, p nfs.Procedures) *nfs.Client {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv, ended := &nfs.Server{NFS: p}, make(chan error, 1)
	go func() { ended <- srv.Serve(context.Background(), l) }()
	c, err := nfs.Dial(context.Background(), l.Addr().String(), nfs.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		c.Close()
		srv.Close()
		if err := <-ended; !errors.Is(err, nfs.ErrServerClosed) {
			b.Error(err)
		}
	})
	b.ReportAllocs()
	return c
}

func BenchmarkGetattr(b *testing.B) {
	c := benchServer(b, nfs.Procedures{
		Getattr: func(_ context.Context, _ *nfs.Request, _ *nfs.GetattrArgs, res *nfs.GetattrResult) {
			res.Attr.Mode = 0o644
		},
	})
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.Getattr(context.Background(), nil, nfs.GetattrArgs{}); err != nil {
				b.Error(err)
			}
		}
	})
}

// BenchmarkRead reads from a file in the page cache: small READs by copy, large ones by sendfile.
func BenchmarkRead(b *testing.B) {
	path := filepath.Join(b.TempDir(), "data")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
		b.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	c := benchServer(b, nfs.Procedures{
		Read: func(_ context.Context, _ *nfs.Request, args *nfs.ReadArgs, res *nfs.ReadResult) {
			res.Range = nfs.FileRange{File: f, Length: int(args.Count)}
		},
	})
	for name, size := range map[string]int{"4KiB": 4 << 10, "1MiB": 1 << 20} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				buf := make([]byte, size)
				for pb.Next() {
					if _, err := c.Read(context.Background(), nil, nfs.ReadArgs{}, buf); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
