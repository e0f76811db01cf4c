package filer

import (
	"context"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// newServer wires the procedures.
func (f *Filer) newServer() *nfs.Server {
	procedures := nfs.Procedures{
		Getattr: f.getattr, Setattr: f.setattr, Lookup: f.lookupProc, Access: f.access, Readlink: f.readlink,
		Read: f.read, Write: f.write, Create: f.create, Mkdir: f.mkdir, Symlink: f.symlink, Mknod: f.mknod,
		Remove: f.remove, Rmdir: f.rmdir, Rename: f.rename, Link: f.link, Readdir: f.readdir, Readdirplus: f.readdirplus,
		Fsstat: f.fsstat, Fsinfo: f.fsinfo, Pathconf: f.pathconf, Commit: f.commit,
	}
	return &nfs.Server{
		Hooks: f.meters.hooks(),
		NFS:   f.hidingSUID(procedures), Mount: f.mountProcedures(), Others: f.locks.programs(),
		// What is mostly answered from memory. They announce their waits: for the origin, for a fetch, for the disk.
		Quick: []nfs.Proc{nfs.ProcGetattr, nfs.ProcLookup, nfs.ProcAccess, nfs.ProcRead, nfs.ProcReaddir, nfs.ProcReaddirplus},
	}
}

func (f *Filer) getattr(ctx context.Context, req *nfs.Request, args *nfs.GetattrArgs, res *nfs.GetattrResult) {
	c, err := f.begin(req, &args.Object)
	if err != nil {
		res.Status = origin.StatusOf(err)
		return
	}
	defer c.end()
	a, err := c.attrs(ctx, c.ino)
	res.Attr, res.Status = c.ino.show(a), origin.StatusOf(err)
}

func (f *Filer) lookupProc(ctx context.Context, req *nfs.Request, args *nfs.LookupArgs, res *nfs.LookupResult) {
	c, err := f.begin(req, &args.Dir)
	if err != nil {
		res.Status = origin.StatusOf(err)
		return
	}
	defer c.end()
	notBefore := c.ino.target.freshEnough()
	for range 2 {
		if again := c.lookupOnce(ctx, args.Name, notBefore, res); !again {
			return
		}
		c.ino.distrust() // the file was deleted behind our back since its name was learnt: another one may have the name
	}
}

// lookupOnce answers a LOOKUP, unless the file that was known under the name is gone.
func (c call) lookupOnce(ctx context.Context, name string, notBefore time.Time, res *nfs.LookupResult) (again bool) {
	child, in, err := c.step(ctx, name)
	res.DirAttr = c.ino.opt()
	if err != nil {
		res.Status = origin.StatusOf(err)
		return false
	}
	defer c.f.table.put(child)
	a, err := c.f.trusted(ctx, c.as, child, notBefore)
	if origin.IsGone(err) {
		res.Status = nfs.ErrNoEnt
		return true
	}
	child.foundAt(c.ino.id, name)
	res.Object, res.Status = c.handleIn(in, child.id), nfs.OK
	if err == nil {
		res.Attr = nfs.WithAttr(child.show(a))
	}
	return false
}

// lookup finds a name in the call's directory, within its target; "." is the directory.
func (c call) lookup(ctx context.Context, name string) (*inode, error) {
	if err := validName(name); err != nil {
		return nil, err
	}
	t := c.ino.target
	if name == "." {
		return c.f.inode(c.ino.id)
	}
	if err := c.allowed(ctx, c.ino, nfs.AccessLookup); err != nil { // it has confirmed the directory, and with it the names
		return nil, err
	}
	ino, err := c.f.lookup(ctx, c.as, c.ino, name, t.freshEnough())
	return ino, c.noted(t, err)
}

func (f *Filer) access(ctx context.Context, req *nfs.Request, args *nfs.AccessArgs, res *nfs.AccessResult) {
	c, err := f.begin(req, &args.Object)
	if err != nil {
		res.Status = origin.StatusOf(err)
		return
	}
	defer c.end()
	a, err := c.attrs(ctx, c.ino)
	if err == nil {
		res.Attr = nfs.WithAttr(c.ino.show(a))
		res.Access, err = c.granted(ctx, c.ino, args.Access)
		if c.ro {
			res.Access &^= nfs.AccessModify | nfs.AccessExtend | nfs.AccessDelete
		}
	}
	res.Status = origin.StatusOf(err)
}

func (f *Filer) readlink(ctx context.Context, req *nfs.Request, args *nfs.ReadlinkArgs, res *nfs.ReadlinkResult) {
	c, err := f.begin(req, &args.Object)
	if err != nil {
		res.Status = origin.StatusOf(err)
		return
	}
	defer c.end()
	res.Target, err = c.linkText(ctx)
	res.Attr, res.Status = c.ino.opt(), origin.StatusOf(c.noted(c.ino.target, err))
}

func (f *Filer) fsstat(ctx context.Context, req *nfs.Request, args *nfs.FsstatArgs, res *nfs.FsstatResult) {
	c, err := f.begin(req, &args.Root)
	if err != nil {
		res.Status = origin.StatusOf(err)
		return
	}
	defer c.end()
	err = f.born(ctx, c.ino)
	var s origin.FSStat
	if err == nil {
		s, err = c.ino.target.origin.StatFS(ctx, c.ino.oid())
	}
	res.TotalBytes, res.FreeBytes, res.AvailBytes = s.TotalBytes, s.FreeBytes, s.AvailBytes
	res.TotalFiles, res.FreeFiles, res.AvailFiles = s.TotalFiles, s.FreeFiles, s.AvailFiles
	res.Attr, res.Status = c.ino.opt(), origin.StatusOf(c.noted(c.ino.target, err))
}

func (f *Filer) fsinfo(ctx context.Context, req *nfs.Request, args *nfs.FsinfoArgs, res *nfs.FsinfoResult) {
	c, err := f.begin(req, &args.Root)
	if err != nil {
		res.Status = origin.StatusOf(err)
		return
	}
	defer c.end()
	a, err := c.attrs(ctx, c.ino)
	if err != nil {
		res.Status = origin.StatusOf(err)
		return
	}
	res.Attr = nfs.WithAttr(c.ino.show(a))
	caps := c.ino.target.caps
	res.ReadMax, res.ReadPref, res.ReadMult = maxIO, maxIO, 4096
	res.WriteMax, res.WritePref, res.WriteMult = min(maxIO, caps.MaxWrite), min(maxIO, caps.MaxWrite), 4096
	res.DirPref, res.MaxFileSize = 64<<10, 1<<62
	res.TimeDelta = nfs.Time{Nsec: 1}
	res.Properties = nfs.PropLink | nfs.PropSymlink | nfs.PropHomogeneous | nfs.PropCanSetTime
}

func (f *Filer) pathconf(ctx context.Context, req *nfs.Request, args *nfs.PathconfArgs, res *nfs.PathconfResult) {
	c, err := f.begin(req, &args.Object)
	if err != nil {
		res.Status = origin.StatusOf(err)
		return
	}
	defer c.end()
	err = f.born(ctx, c.ino)
	var p origin.PathConf
	if err == nil {
		p, err = c.ino.target.origin.PathConf(ctx, c.ino.oid())
	}
	res.LinkMax, res.NameMax, res.CaseInsensitive = p.LinkMax, min(p.NameMax, 255), p.CaseInsensitive
	res.NoTrunc, res.ChownRestricted, res.CasePreserving = true, true, true
	res.Attr, res.Status = c.ino.opt(), origin.StatusOf(c.noted(c.ino.target, err))
}
