package filer

import (
	"context"

	"github.com/spillway/spillway/nfs"
)

// suidBits are set-user-id and set-group-id.
const suidBits = 0o6000

// hidingSUID puts in front of the procedures what rules without suid ask for: their clients neither see nor set the bits.
// Without policies that costs a load. READDIRPLUS hides them by itself.
func (f *Filer) hidingSUID(p nfs.Procedures) nfs.Procedures {
	none := (*nfs.SetAttr)(nil)
	p.Getattr = hiding(f, p.Getattr, func(a *nfs.GetattrArgs) (*nfs.Handle, *nfs.SetAttr) { return &a.Object, none },
		func(r *nfs.GetattrResult) { hide(&r.Attr) })
	p.Setattr = hiding(f, p.Setattr, func(a *nfs.SetattrArgs) (*nfs.Handle, *nfs.SetAttr) { return &a.Object, &a.Attr },
		func(r *nfs.SetattrResult) { hide(&r.Wcc.After.Attr) })
	p.Lookup = hiding(f, p.Lookup, func(a *nfs.LookupArgs) (*nfs.Handle, *nfs.SetAttr) { return &a.Dir, none },
		func(r *nfs.LookupResult) { hide(&r.Attr.Attr, &r.DirAttr.Attr) })
	p.Access = hiding(f, p.Access, func(a *nfs.AccessArgs) (*nfs.Handle, *nfs.SetAttr) { return &a.Object, none },
		func(r *nfs.AccessResult) { hide(&r.Attr.Attr) })
	p.Readlink = hiding(f, p.Readlink, func(a *nfs.ReadlinkArgs) (*nfs.Handle, *nfs.SetAttr) { return &a.Object, none },
		func(r *nfs.ReadlinkResult) { hide(&r.Attr.Attr) })
	p.Read = hiding(f, p.Read, func(a *nfs.ReadArgs) (*nfs.Handle, *nfs.SetAttr) { return &a.File, none },
		func(r *nfs.ReadResult) { hide(&r.Attr.Attr) })
	p.Write = hiding(f, p.Write, func(a *nfs.WriteArgs) (*nfs.Handle, *nfs.SetAttr) { return &a.File, none },
		func(r *nfs.WriteResult) { hide(&r.Wcc.After.Attr) })
	p.Commit = hiding(f, p.Commit, func(a *nfs.CommitArgs) (*nfs.Handle, *nfs.SetAttr) { return &a.File, none },
		func(r *nfs.CommitResult) { hide(&r.Wcc.After.Attr) })
	newObject := func(r *nfs.NewResult) { hide(&r.Attr.Attr, &r.DirWcc.After.Attr) }
	p.Create = hiding(f, p.Create, func(a *nfs.CreateArgs) (*nfs.Handle, *nfs.SetAttr) { return &a.Dir, &a.Attr }, newObject)
	p.Mkdir = hiding(f, p.Mkdir, func(a *nfs.MkdirArgs) (*nfs.Handle, *nfs.SetAttr) { return &a.Dir, &a.Attr }, newObject)
	p.Symlink = hiding(f, p.Symlink, func(a *nfs.SymlinkArgs) (*nfs.Handle, *nfs.SetAttr) { return &a.Dir, &a.Attr }, newObject)
	p.Mknod = hiding(f, p.Mknod, func(a *nfs.MknodArgs) (*nfs.Handle, *nfs.SetAttr) { return &a.Dir, &a.Attr }, newObject)
	removed := func(r *nfs.RemoveResult) { hide(&r.DirWcc.After.Attr) }
	p.Remove = hiding(f, p.Remove, func(a *nfs.RemoveArgs) (*nfs.Handle, *nfs.SetAttr) { return &a.Dir, none }, removed)
	p.Rmdir = hiding(f, p.Rmdir, func(a *nfs.RmdirArgs) (*nfs.Handle, *nfs.SetAttr) { return &a.Dir, none }, removed)
	p.Rename = hiding(f, p.Rename, func(a *nfs.RenameArgs) (*nfs.Handle, *nfs.SetAttr) { return &a.FromDir, none },
		func(r *nfs.RenameResult) { hide(&r.FromWcc.After.Attr, &r.ToWcc.After.Attr) })
	p.Link = hiding(f, p.Link, func(a *nfs.LinkArgs) (*nfs.Handle, *nfs.SetAttr) { return &a.Object, none },
		func(r *nfs.LinkResult) { hide(&r.Attr.Attr, &r.DirWcc.After.Attr) })
	return p
}

// hiding wraps one procedure. of returns the handle that the call is for and the attributes it sets, clear takes the
// bits out of the answer.
func hiding[A, R any](f *Filer, proc func(context.Context, *nfs.Request, *A, *R), of func(*A) (*nfs.Handle, *nfs.SetAttr),
	clear func(*R)) func(context.Context, *nfs.Request, *A, *R) {
	return func(ctx context.Context, req *nfs.Request, args *A, res *R) {
		h, set := of(args)
		if f.showsSUID(req, h) {
			proc(ctx, req, args, res)
			return
		}
		if set != nil && set.Mode.Set {
			set.Mode.Value &^= suidBits
		}
		proc(ctx, req, args, res)
		clear(res)
	}
}

// showsSUID says whether the caller may see and set the bits. The handle's seal is not checked: the procedure does that,
// and a made-up handle gets no answer in which there would be anything to hide.
func (f *Filer) showsSUID(req *nfs.Request, h *nfs.Handle) bool {
	if !f.hasPolicies.Load() {
		return true
	}
	opened, ok := parseHandle(h)
	if !ok || opened.session != 0 {
		return true
	}
	e := f.byExport[opened.export]
	if e == nil {
		return true
	}
	p := e.policy.Load()
	if p == nil {
		return true
	}
	r := p.rule(req.Client.Addr())
	return r == nil || r.suid
}

func hide(attrs ...*nfs.Attr) {
	for _, a := range attrs {
		a.Mode &^= suidBits
	}
}
