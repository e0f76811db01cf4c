package nfstest

import (
	"context"

	"github.com/spillway/spillway/nfs"
)

func (fs *FS) remove(_ context.Context, req *nfs.Request, args *nfs.RemoveArgs, res *nfs.RemoveResult) {
	if fs.begin(nfs.ProcRemove, req, &res.Status) {
		defer fs.mu.Unlock()
		fs.take(args, res, false)
	}
}

func (fs *FS) rmdir(_ context.Context, req *nfs.Request, args *nfs.RmdirArgs, res *nfs.RmdirResult) {
	if fs.begin(nfs.ProcRmdir, req, &res.Status) {
		defer fs.mu.Unlock()
		fs.take(args, res, true)
	}
}

// take removes a name: of a directory if wantDir, else of anything else.
func (fs *FS) take(args *nfs.RemoveArgs, res *nfs.RemoveResult, wantDir bool) {
	dir, s := fs.findDir(args.Dir)
	if res.Status = s; s != nfs.OK {
		return
	}
	res.DirWcc = dir.wcc()
	e := dir.dir.byName[args.Name]
	switch {
	case e == nil:
		res.Status = nfs.ErrNoEnt
	case wantDir && fs.inodes[e.id].dir == nil:
		res.Status = nfs.ErrNotDir
	case !wantDir && fs.inodes[e.id].dir != nil:
		res.Status = nfs.ErrIsDir
	case wantDir && len(fs.inodes[e.id].dir.order) > 0:
		res.Status = nfs.ErrNotEmpty
	default:
		dir.dir.remove(args.Name)
		fs.drop(fs.inodes[e.id])
		if wantDir {
			dir.nlink--
		}
		fs.touch(dir)
	}
	res.DirWcc.After = dir.opt()
}

func (fs *FS) rename(_ context.Context, req *nfs.Request, args *nfs.RenameArgs, res *nfs.RenameResult) {
	if !fs.begin(nfs.ProcRename, req, &res.Status) {
		return
	}
	defer fs.mu.Unlock()
	from, s := fs.findDir(args.FromDir)
	if res.Status = s; s != nfs.OK {
		return
	}
	to, s := fs.findDir(args.ToDir)
	if res.Status = s; s != nfs.OK {
		return
	}
	res.FromWcc, res.ToWcc = from.wcc(), to.wcc()
	res.Status = fs.move(from, args.FromName, to, args.ToName)
	res.FromWcc.After, res.ToWcc.After = from.opt(), to.opt()
}

func (fs *FS) move(from *inode, fromName string, to *inode, toName string) nfs.Status {
	e := from.dir.byName[fromName]
	if e == nil {
		return nfs.ErrNoEnt
	}
	if s := nameStatus(toName); s != nfs.OK {
		return s
	}
	n := fs.inodes[e.id]
	if old := to.dir.byName[toName]; old != nil {
		target := fs.inodes[old.id]
		switch {
		case target == n:
			return nfs.OK
		case (target.dir == nil) != (n.dir == nil):
			return nfs.ErrExist
		case target.dir != nil && len(target.dir.order) > 0:
			return nfs.ErrNotEmpty
		}
		fs.drop(target)
		if target.dir != nil {
			to.nlink--
		}
	}
	id := e.id
	from.dir.remove(fromName)
	to.dir.put(toName, id)
	if n.dir != nil {
		n.dir.parent = to.id
		from.nlink--
		to.nlink++
	}
	n.ctime = fs.now()
	fs.touch(from)
	fs.touch(to)
	return nfs.OK
}

func (fs *FS) link(_ context.Context, req *nfs.Request, args *nfs.LinkArgs, res *nfs.LinkResult) {
	if !fs.begin(nfs.ProcLink, req, &res.Status) {
		return
	}
	defer fs.mu.Unlock()
	n, s := fs.find(args.Object)
	if res.Status = s; s != nfs.OK {
		return
	}
	dir, s := fs.findDir(args.Dir)
	if res.Status = s; s != nfs.OK {
		return
	}
	res.DirWcc = dir.wcc()
	switch res.Status = nameStatus(args.Name); {
	case res.Status != nfs.OK:
	case n.dir != nil:
		res.Status = nfs.ErrIsDir
	case dir.dir.byName[args.Name] != nil:
		res.Status = nfs.ErrExist
	default:
		dir.dir.put(args.Name, n.id)
		n.nlink++
		n.ctime = fs.now()
		fs.touch(dir)
	}
	res.Attr, res.DirWcc.After = n.opt(), dir.opt()
}
