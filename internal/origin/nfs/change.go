package nfs

import (
	"context"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// Write asks WRITE.
func (o *Origin) Write(ctx context.Context, as origin.Cred, id origin.ID, off uint64, data []byte, how nfs.Stable) (origin.WriteResult, error) {
	h, err := handleOf(id)
	if err != nil {
		return origin.WriteResult{}, err
	}
	conn, err := o.client(ctx)
	if err != nil {
		return origin.WriteResult{}, err
	}
	r, err := conn.Write(ctx, o.auth(as), nfs.WriteArgs{File: h, Offset: off, Stable: how, Data: data})
	n := min(int(r.Count), len(data))
	return origin.WriteResult{WCC: r.Wcc, N: n, Committed: r.Committed, Verifier: r.Verifier}, wrap(err)
}

// Commit asks COMMIT.
func (o *Origin) Commit(ctx context.Context, as origin.Cred, id origin.ID, off uint64, n uint32) (origin.CommitResult, error) {
	h, err := handleOf(id)
	if err != nil {
		return origin.CommitResult{}, err
	}
	conn, err := o.client(ctx)
	if err != nil {
		return origin.CommitResult{}, err
	}
	r, err := conn.Commit(ctx, o.auth(as), nfs.CommitArgs{File: h, Offset: off, Count: n})
	return origin.CommitResult{WCC: r.Wcc, Verifier: r.Verifier}, wrap(err)
}

// Sync is not what NFS can do: durability comes from Commit.
func (o *Origin) Sync(context.Context, origin.ID) error { return nfs.ErrNotSupp }

// SetAttr asks SETATTR.
func (o *Origin) SetAttr(ctx context.Context, as origin.Cred, id origin.ID, set nfs.SetAttr, guard *nfs.Time) (nfs.WccData, error) {
	h, err := handleOf(id)
	if err != nil {
		return nfs.WccData{}, err
	}
	conn, err := o.client(ctx)
	if err != nil {
		return nfs.WccData{}, err
	}
	args := nfs.SetattrArgs{Object: h, Attr: set}
	if guard != nil {
		args.Guarded, args.Ctime = true, *guard
	}
	r, err := conn.Setattr(ctx, o.auth(as), args)
	return r.Wcc, wrap(err)
}

// made turns a reply into a Made, looking up what the server left out.
func (o *Origin) made(ctx context.Context, as origin.Cred, dir origin.ID, name string, r nfs.NewResult, err error) (origin.Made, error) {
	made := origin.Made{Dir: r.DirWcc}
	if err != nil {
		return made, wrap(err)
	}
	if !r.Object.Present {
		made.Node, _, err = o.Lookup(ctx, as, dir, name)
		return made, err
	}
	made.Node.ID = idOf(r.Object.Handle)
	made.Node.Attr, err = o.attrOr(ctx, as, r.Attr, made.Node.ID)
	return made, err
}

// Create asks CREATE; the verifier of an exclusive create goes through.
func (o *Origin) Create(ctx context.Context, as origin.Cred, dir origin.ID, name string, how origin.CreateHow) (origin.Made, error) {
	h, err := handleOf(dir)
	if err != nil {
		return origin.Made{}, err
	}
	conn, err := o.client(ctx)
	if err != nil {
		return origin.Made{}, err
	}
	r, err := conn.Create(ctx, o.auth(as), nfs.CreateArgs{Dir: h, Name: name, How: how.Mode, Attr: how.Attr, Verifier: how.Verifier})
	return o.made(ctx, as, dir, name, r, err)
}

// MkDir asks MKDIR.
func (o *Origin) MkDir(ctx context.Context, as origin.Cred, dir origin.ID, name string, set nfs.SetAttr) (origin.Made, error) {
	h, err := handleOf(dir)
	if err != nil {
		return origin.Made{}, err
	}
	conn, err := o.client(ctx)
	if err != nil {
		return origin.Made{}, err
	}
	r, err := conn.Mkdir(ctx, o.auth(as), nfs.MkdirArgs{Dir: h, Name: name, Attr: set})
	return o.made(ctx, as, dir, name, r, err)
}

// Symlink asks SYMLINK.
func (o *Origin) Symlink(ctx context.Context, as origin.Cred, dir origin.ID, name, target string, set nfs.SetAttr) (origin.Made, error) {
	h, err := handleOf(dir)
	if err != nil {
		return origin.Made{}, err
	}
	conn, err := o.client(ctx)
	if err != nil {
		return origin.Made{}, err
	}
	r, err := conn.Symlink(ctx, o.auth(as), nfs.SymlinkArgs{Dir: h, Name: name, Attr: set, Target: target})
	return o.made(ctx, as, dir, name, r, err)
}

// MkNod asks MKNOD.
func (o *Origin) MkNod(ctx context.Context, as origin.Cred, dir origin.ID, name string, kind origin.Special, set nfs.SetAttr) (origin.Made, error) {
	h, err := handleOf(dir)
	if err != nil {
		return origin.Made{}, err
	}
	conn, err := o.client(ctx)
	if err != nil {
		return origin.Made{}, err
	}
	r, err := conn.Mknod(ctx, o.auth(as), nfs.MknodArgs{Dir: h, Name: name, Type: kind.Type, Attr: set, Device: kind.Device})
	return o.made(ctx, as, dir, name, r, err)
}

// Remove asks REMOVE.
func (o *Origin) Remove(ctx context.Context, as origin.Cred, dir origin.ID, name string) (nfs.WccData, error) {
	h, err := handleOf(dir)
	if err != nil {
		return nfs.WccData{}, err
	}
	conn, err := o.client(ctx)
	if err != nil {
		return nfs.WccData{}, err
	}
	r, err := conn.Remove(ctx, o.auth(as), nfs.RemoveArgs{Dir: h, Name: name})
	return r.DirWcc, wrap(err)
}

// RmDir asks RMDIR.
func (o *Origin) RmDir(ctx context.Context, as origin.Cred, dir origin.ID, name string) (nfs.WccData, error) {
	h, err := handleOf(dir)
	if err != nil {
		return nfs.WccData{}, err
	}
	conn, err := o.client(ctx)
	if err != nil {
		return nfs.WccData{}, err
	}
	r, err := conn.Rmdir(ctx, o.auth(as), nfs.RmdirArgs{Dir: h, Name: name})
	return r.DirWcc, wrap(err)
}

// Rename asks RENAME.
func (o *Origin) Rename(ctx context.Context, as origin.Cred, from origin.ID, fromName string, to origin.ID, toName string) (origin.RenameResult, error) {
	fh, err := handleOf(from)
	if err != nil {
		return origin.RenameResult{}, err
	}
	conn, err := o.client(ctx)
	if err != nil {
		return origin.RenameResult{}, err
	}
	th, err := handleOf(to)
	if err != nil {
		return origin.RenameResult{}, err
	}
	r, err := conn.Rename(ctx, o.auth(as), nfs.RenameArgs{FromDir: fh, FromName: fromName, ToDir: th, ToName: toName})
	return origin.RenameResult{From: r.FromWcc, To: r.ToWcc}, wrap(err)
}

// Link asks LINK.
func (o *Origin) Link(ctx context.Context, as origin.Cred, id, dir origin.ID, name string) (origin.LinkResult, error) {
	h, err := handleOf(id)
	if err != nil {
		return origin.LinkResult{}, err
	}
	conn, err := o.client(ctx)
	if err != nil {
		return origin.LinkResult{}, err
	}
	dh, err := handleOf(dir)
	if err != nil {
		return origin.LinkResult{}, err
	}
	r, err := conn.Link(ctx, o.auth(as), nfs.LinkArgs{Object: h, Dir: dh, Name: name})
	return origin.LinkResult{File: r.Attr, Dir: r.DirWcc}, wrap(err)
}
