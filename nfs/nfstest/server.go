package nfstest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/spillway/spillway/nfs"
)

// Procedures returns the file system's procedures.
func (fs *FS) Procedures() nfs.Procedures {
	return nfs.Procedures{
		Getattr: fs.getattr, Setattr: fs.setattr, Lookup: fs.lookup, Access: fs.access, Readlink: fs.readlink,
		Read: fs.read, Write: fs.write, Create: fs.create, Mkdir: fs.mkdir, Symlink: fs.symlink, Mknod: fs.mknod,
		Remove: fs.remove, Rmdir: fs.rmdir, Rename: fs.rename, Link: fs.link,
		Readdir: fs.readdir, Readdirplus: fs.readdirplus, Fsstat: fs.fsstat, Fsinfo: fs.fsinfo, Pathconf: fs.pathconf,
		Commit: fs.commit,
	}
}

// MountProcedures returns a MOUNT that gives out the root for the export's path.
func (fs *FS) MountProcedures() nfs.MountProcedures {
	export := fs.Export
	if export == "" {
		export = "/"
	}
	return nfs.MountProcedures{
		Mnt: func(_ context.Context, _ *nfs.Request, args *nfs.MntArgs, res *nfs.MntResult) {
			if args.Path != export {
				res.Status = nfs.ErrNoEnt
				return
			}
			res.Root = fs.Root()
		},
		Export: func(_ context.Context, _ *nfs.Request, res *nfs.ExportResult) {
			res.Exports = []nfs.ExportEntry{{Dir: export, Groups: []string{"*"}}}
		},
	}
}

func (fs *FS) fsstat(_ context.Context, req *nfs.Request, args *nfs.FsstatArgs, res *nfs.FsstatResult) {
	if !fs.begin(nfs.ProcFsstat, req, &res.Status) {
		return
	}
	defer fs.mu.Unlock()
	n, s := fs.find(args.Root)
	if s != nfs.OK {
		res.Status = s
		return
	}
	*res = nfs.FsstatResult{
		Attr: n.opt(), TotalBytes: 1 << 40, FreeBytes: 1 << 39, AvailBytes: 1 << 39,
		TotalFiles: 1 << 20, FreeFiles: 1<<20 - uint64(len(fs.inodes)), AvailFiles: 1<<20 - uint64(len(fs.inodes)),
	}
}

func (fs *FS) fsinfo(_ context.Context, req *nfs.Request, args *nfs.FsinfoArgs, res *nfs.FsinfoResult) {
	if !fs.begin(nfs.ProcFsinfo, req, &res.Status) {
		return
	}
	defer fs.mu.Unlock()
	n, s := fs.find(args.Root)
	if s != nfs.OK {
		res.Status = s
		return
	}
	*res = nfs.FsinfoResult{
		Attr: n.opt(), ReadMax: nfs.MaxTransfer, ReadPref: nfs.MaxTransfer, ReadMult: 4096,
		WriteMax: nfs.MaxTransfer, WritePref: nfs.MaxTransfer, WriteMult: 4096, DirPref: 64 << 10, MaxFileSize: maxFile,
		TimeDelta:  nfs.Time{Nsec: 1},
		Properties: nfs.PropLink | nfs.PropSymlink | nfs.PropHomogeneous | nfs.PropCanSetTime,
	}
}

func (fs *FS) pathconf(_ context.Context, req *nfs.Request, args *nfs.PathconfArgs, res *nfs.PathconfResult) {
	if !fs.begin(nfs.ProcPathconf, req, &res.Status) {
		return
	}
	defer fs.mu.Unlock()
	n, s := fs.find(args.Object)
	if s != nfs.OK {
		res.Status = s
		return
	}
	*res = nfs.PathconfResult{Attr: n.opt(), LinkMax: 1 << 15, NameMax: maxName, NoTrunc: true, ChownRestricted: true, CasePreserving: true}
}

// Server serves an FS on a port of this machine and can be killed and started again there.
type Server struct {
	Addr string
	FS   *FS

	tb    testing.TB
	srv   *nfs.Server
	ended chan error
}

// Start serves the file system until the test ends.
func Start(tb testing.TB, fs *FS) *Server {
	tb.Helper()
	s := &Server{Addr: ownAddress(), FS: fs, tb: tb}
	s.Restart()
	tb.Cleanup(s.Kill)
	return s
}

// ownAddress is an address of this machine that nobody else uses, so that a server can be started again there: no outgoing
// connection has it, and hardly any other test.
func ownAddress() string {
	return fmt.Sprintf("127.%d.%d.%d:%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254), 12000+rand.IntN(20000))
}

// Restart serves on the same port again, after a Kill.
func (s *Server) Restart() {
	s.tb.Helper()
	l, err := new(net.ListenConfig).Listen(s.tb.Context(), "tcp", s.Addr)
	if err != nil {
		s.tb.Fatal(err)
	}
	srv := &nfs.Server{NFS: s.FS.Procedures(), Mount: s.FS.MountProcedures()}
	ended := make(chan error, 1)
	s.srv, s.ended = srv, ended
	go func() { ended <- srv.Serve(context.Background(), l) }()
}

// Kill closes the port and all connections at once; calls in flight get no answer. A second Kill does nothing.
func (s *Server) Kill() {
	s.tb.Helper()
	if s.srv == nil {
		return
	}
	_ = s.srv.Close()
	if err := <-s.ended; !errors.Is(err, nfs.ErrServerClosed) {
		s.tb.Errorf("serve: %v", err)
	}
	s.srv = nil
}
