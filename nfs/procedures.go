package nfs

import (
	"context"
	"net/netip"

	"github.com/spillway/spillway/nfs/rpc"
)

// Procedures are a server's NFSv3 procedures. Each gets decoded arguments and fills in a zeroed result, whose Status it
// sets; both belong to the request and are void after it has returned. They run concurrently, also those of one
// connection. A nil one answers ErrNotSupp. NULL is answered by the server. The context ends when the connection is lost
// or the server is closed for good.
type Procedures struct {
	Getattr     func(ctx context.Context, req *Request, args *GetattrArgs, res *GetattrResult)
	Setattr     func(ctx context.Context, req *Request, args *SetattrArgs, res *SetattrResult)
	Lookup      func(ctx context.Context, req *Request, args *LookupArgs, res *LookupResult)
	Access      func(ctx context.Context, req *Request, args *AccessArgs, res *AccessResult)
	Readlink    func(ctx context.Context, req *Request, args *ReadlinkArgs, res *ReadlinkResult)
	Read        func(ctx context.Context, req *Request, args *ReadArgs, res *ReadResult)
	Write       func(ctx context.Context, req *Request, args *WriteArgs, res *WriteResult)
	Create      func(ctx context.Context, req *Request, args *CreateArgs, res *CreateResult)
	Mkdir       func(ctx context.Context, req *Request, args *MkdirArgs, res *MkdirResult)
	Symlink     func(ctx context.Context, req *Request, args *SymlinkArgs, res *SymlinkResult)
	Mknod       func(ctx context.Context, req *Request, args *MknodArgs, res *MknodResult)
	Remove      func(ctx context.Context, req *Request, args *RemoveArgs, res *RemoveResult)
	Rmdir       func(ctx context.Context, req *Request, args *RmdirArgs, res *RmdirResult)
	Rename      func(ctx context.Context, req *Request, args *RenameArgs, res *RenameResult)
	Link        func(ctx context.Context, req *Request, args *LinkArgs, res *LinkResult)
	Readdir     func(ctx context.Context, req *Request, args *ReaddirArgs, res *ReaddirResult)
	Readdirplus func(ctx context.Context, req *Request, args *ReaddirplusArgs, res *ReaddirplusResult)
	Fsstat      func(ctx context.Context, req *Request, args *FsstatArgs, res *FsstatResult)
	Fsinfo      func(ctx context.Context, req *Request, args *FsinfoArgs, res *FsinfoResult)
	Pathconf    func(ctx context.Context, req *Request, args *PathconfArgs, res *PathconfResult)
	Commit      func(ctx context.Context, req *Request, args *CommitArgs, res *CommitResult)
}

// MountProcedures are a server's MOUNT procedures. A nil Mnt answers ErrNotSupp; the other nil ones answer with an empty
// list or with nothing.
type MountProcedures struct {
	Mnt     func(ctx context.Context, req *Request, args *MntArgs, res *MntResult)
	Dump    func(ctx context.Context, req *Request, res *DumpResult)
	Umnt    func(ctx context.Context, req *Request, args *UmntArgs)
	UmntAll func(ctx context.Context, req *Request)
	Export  func(ctx context.Context, req *Request, res *ExportResult)
}

// Request says who asks. It is void after the procedure has returned.
type Request struct {
	XID    uint32
	Conn   uint64         // the connection; never 0 and never used twice by one Server
	Client netip.AddrPort // the peer's address; invalid if it is not TCP
	Auth   *Auth          // never nil; shared by requests and never changed: it may be kept

	call *rpc.Call
}

// Buffer returns n bytes of unspecified content for a READ's Data. They stay valid until the reply has been sent and
// are then used again by the server. A request lends one such slice: a second one makes the first void.
func (r *Request) Buffer(n int) []byte { return r.call.Buffer(n) }
