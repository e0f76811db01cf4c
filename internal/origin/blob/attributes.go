package blob

import (
	"context"
	"errors"
	"io"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// Root describes the bucket, or the part of it that is shown. It is there even when it is empty.
func (o *Origin) Root(ctx context.Context) (origin.Node, error) {
	a, err := o.GetAttr(ctx, origin.Cred{}, o.rootID)
	return origin.Node{ID: o.rootID, Attr: a}, err
}

// GetAttr costs a HEAD, or for a directory as many listings as it has pages, up to provenPages.
func (o *Origin) GetAttr(ctx context.Context, _ origin.Cred, id origin.ID) (nfs.Attr, error) {
	if err := o.ready(ctx); err != nil {
		return nfs.Attr{}, err
	}
	return o.getAttr(ctx, id)
}

func (o *Origin) getAttr(ctx context.Context, id origin.ID) (nfs.Attr, error) {
	if isDir(id) {
		d, err := o.lookFar(ctx, id, provenPages)
		if err != nil {
			return nfs.Attr{}, err
		}
		return d.attr, nil
	}
	if f := o.staged.get(id); f != nil {
		if a, ok := f.attrs(); ok {
			return a, nil
		}
	}
	obj, err := o.file(ctx, id)
	if err != nil {
		return nfs.Attr{}, err
	}
	return o.current(id, &obj), nil
}

// Lookup lists the directory, which proves its attributes too, or asks for the name alone where that takes more than a
// page.
func (o *Origin) Lookup(ctx context.Context, as origin.Cred, dir origin.ID, name string) (node origin.Node, after nfs.OptAttr, err error) {
	if err := o.ready(ctx); err != nil {
		return node, after, err
	}
	d, err := o.look(ctx, dir)
	if err != nil {
		return node, after, err
	}
	if err := permit(&as, &d.attr, mayExec); err != nil {
		return node, d.opt(), err
	}
	switch name {
	case ".":
		return origin.Node{ID: dir, Attr: d.attr}, d.opt(), nil
	case "..":
		node.ID = o.rootID
		if s, ok := o.spotOf(dir); ok && dir != o.rootID {
			node.ID = s.parent
		}
		node.Attr, err = o.getAttr(ctx, node.ID)
		return node, d.opt(), err
	}
	e, err := o.find(ctx, d, name)
	if errors.Is(err, nfs.ErrInval) || errors.Is(err, nfs.ErrNameTooLong) {
		return node, d.opt(), err
	}
	if err == nil {
		node, err = o.node(ctx, &e, dir)
	}
	return node, d.opt(), err
}

// Access answers from mode bits.
func (o *Origin) Access(ctx context.Context, as origin.Cred, id origin.ID, want nfs.Access) (nfs.Access, error) {
	a, err := o.GetAttr(ctx, as, id)
	if err != nil {
		return 0, err
	}
	return accessBits(&as, &a, want), nil
}

// maxTarget bounds the target of a symbolic link, as Linux does.
const maxTarget = 4096

// ReadLink reads the target, which is the object's content.
func (o *Origin) ReadLink(ctx context.Context, _ origin.Cred, id origin.ID) (string, error) {
	if err := o.ready(ctx); err != nil {
		return "", err
	}
	if isDir(id) {
		if _, err := o.look(ctx, id); err != nil {
			return "", err
		}
		return "", nfs.ErrInval
	}
	key, err := o.keyOf(id)
	if err != nil {
		return "", err
	}
	obj, body, err := o.store.Get(ctx, key, 0, maxTarget, "")
	if errors.Is(err, ErrRange) { // an empty file is no link
		return "", nfs.ErrInval
	}
	if err != nil {
		return "", gone(err)
	}
	defer body.Close()
	if err := o.check(ctx, id, &obj); err != nil {
		return "", err
	}
	if a := o.attrsOf(&obj, false); a.Type != nfs.TypeSymlink {
		return "", nfs.ErrInval
	}
	target, err := io.ReadAll(io.LimitReader(body, maxTarget))
	if err != nil {
		return "", bodyFailed(err)
	}
	return string(target), nil
}

// StatFS says what no bucket tells: there is room.
func (o *Origin) StatFS(context.Context, origin.ID) (origin.FSStat, error) {
	const plenty, many = 1 << 50, 1 << 40
	return origin.FSStat{
		TotalBytes: plenty, FreeBytes: plenty, AvailBytes: plenty, TotalFiles: many, FreeFiles: many, AvailFiles: many,
	}, nil
}

// PathConf says that there are no hard links.
func (o *Origin) PathConf(context.Context, origin.ID) (origin.PathConf, error) {
	return origin.PathConf{LinkMax: 1, NameMax: maxName}, nil
}

// Sync is not what an object store can do: durability comes from Commit.
func (o *Origin) Sync(context.Context, origin.ID) error { return nfs.ErrNotSupp }
