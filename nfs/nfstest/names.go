package nfstest

import (
	"context"
	"strings"

	"github.com/spillway/spillway/nfs"
)

const maxName = 255

// nameStatus says whether a name may be given to a file.
func nameStatus(name string) nfs.Status {
	switch {
	case name == "" || strings.ContainsAny(name, "/\x00"):
		return nfs.ErrInval
	case name == "." || name == "..":
		return nfs.ErrExist
	case len(name) > maxName:
		return nfs.ErrNameTooLong
	}
	return nfs.OK
}

func (fs *FS) lookup(_ context.Context, req *nfs.Request, args *nfs.LookupArgs, res *nfs.LookupResult) {
	if !fs.begin(nfs.ProcLookup, req, &res.Status) {
		return
	}
	defer fs.mu.Unlock()
	dir, s := fs.findDir(args.Dir)
	if res.Status = s; s != nfs.OK {
		return
	}
	res.DirAttr = dir.opt()
	id := uint64(0)
	switch e := dir.dir.byName[args.Name]; {
	case args.Name == ".":
		id = dir.id
	case args.Name == "..":
		id = dir.dir.parent
	case len(args.Name) > maxName:
		res.Status = nfs.ErrNameTooLong
		return
	case e == nil:
		res.Status = nfs.ErrNoEnt
		return
	default:
		id = e.id
	}
	res.Object, res.Attr = fs.handleOf(id), fs.inodes[id].opt()
}

// add makes a new file in a directory.
func (fs *FS) add(dirHandle nfs.Handle, name string, res *nfs.NewResult, build func() *inode) {
	dir, s := fs.findDir(dirHandle)
	if res.Status = s; s != nfs.OK {
		return
	}
	res.DirWcc = dir.wcc()
	if res.Status = nameStatus(name); res.Status == nfs.OK && dir.dir.byName[name] != nil {
		res.Status = nfs.ErrExist
	}
	if res.Status == nfs.OK {
		n := build()
		dir.dir.put(name, n.id)
		if n.dir != nil {
			n.dir.parent = dir.id
			dir.nlink++
		}
		fs.touch(dir)
		res.Object, res.Attr = nfs.WithHandle(fs.handleOf(n.id)), n.opt()
	}
	res.DirWcc.After = dir.opt()
}

func (fs *FS) touch(dir *inode) {
	dir.mtime = fs.now()
	dir.ctime = dir.mtime
}

func (fs *FS) create(_ context.Context, req *nfs.Request, args *nfs.CreateArgs, res *nfs.CreateResult) {
	if !fs.begin(nfs.ProcCreate, req, &res.Status) {
		return
	}
	defer fs.mu.Unlock()
	if fs.reuse(args, res) {
		return
	}
	fs.add(args.Dir, args.Name, res, func() *inode {
		n := fs.newInode(nfs.TypeRegular, &args.Attr, req.Auth)
		n.created = args.Verifier
		return n
	})
}

// reuse answers a CREATE whose file is there already and may be taken.
func (fs *FS) reuse(args *nfs.CreateArgs, res *nfs.CreateResult) bool {
	dir, s := fs.findDir(args.Dir)
	if s != nfs.OK {
		return false
	}
	e := dir.dir.byName[args.Name]
	if e == nil {
		return false
	}
	n := fs.inodes[e.id]
	if n.kind != nfs.TypeRegular || args.How == nfs.Guarded || args.How == nfs.Exclusive && n.created != args.Verifier {
		return false
	}
	if args.How == nfs.Unchecked && args.Attr.Size.Set {
		fs.apply(n, &nfs.SetAttr{Size: args.Attr.Size})
	}
	res.Object, res.Attr = nfs.WithHandle(fs.handleOf(n.id)), n.opt()
	res.DirWcc = dir.wcc()
	res.DirWcc.After = dir.opt()
	return true
}

func (fs *FS) mkdir(_ context.Context, req *nfs.Request, args *nfs.MkdirArgs, res *nfs.MkdirResult) {
	if fs.begin(nfs.ProcMkdir, req, &res.Status) {
		defer fs.mu.Unlock()
		fs.add(args.Dir, args.Name, res, func() *inode { return fs.newInode(nfs.TypeDirectory, &args.Attr, req.Auth) })
	}
}

func (fs *FS) symlink(_ context.Context, req *nfs.Request, args *nfs.SymlinkArgs, res *nfs.SymlinkResult) {
	if fs.begin(nfs.ProcSymlink, req, &res.Status) {
		defer fs.mu.Unlock()
		fs.add(args.Dir, args.Name, res, func() *inode {
			n := fs.newInode(nfs.TypeSymlink, &args.Attr, req.Auth)
			n.target = args.Target
			return n
		})
	}
}

func (fs *FS) mknod(_ context.Context, req *nfs.Request, args *nfs.MknodArgs, res *nfs.MknodResult) {
	if !fs.begin(nfs.ProcMknod, req, &res.Status) {
		return
	}
	defer fs.mu.Unlock()
	switch args.Type {
	case nfs.TypeChar, nfs.TypeBlock, nfs.TypeSocket, nfs.TypeFIFO:
		fs.add(args.Dir, args.Name, res, func() *inode {
			n := fs.newInode(args.Type, &args.Attr, req.Auth)
			n.rdev = args.Device
			return n
		})
	default:
		res.Status = nfs.ErrBadType
	}
}

func (fs *FS) readlink(_ context.Context, req *nfs.Request, args *nfs.ReadlinkArgs, res *nfs.ReadlinkResult) {
	if !fs.begin(nfs.ProcReadlink, req, &res.Status) {
		return
	}
	defer fs.mu.Unlock()
	n, s := fs.find(args.Object)
	switch {
	case s != nfs.OK:
		res.Status = s
	case n.kind != nfs.TypeSymlink:
		res.Status = nfs.ErrInval
	default:
		res.Attr, res.Target = n.opt(), n.target
	}
}
