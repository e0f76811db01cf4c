package nfs

import (
	"context"
	"errors"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// GetAttr asks GETATTR.
func (o *Origin) GetAttr(ctx context.Context, as origin.Cred, id origin.ID) (nfs.Attr, error) {
	h, err := handleOf(id)
	if err != nil {
		return nfs.Attr{}, err
	}
	conn, err := o.client(ctx)
	if err != nil {
		return nfs.Attr{}, err
	}
	ctx, cancel := o.patient(ctx)
	defer cancel()
	res, err := conn.Getattr(ctx, o.auth(as), nfs.GetattrArgs{Object: h})
	return res.Attr, wrap(err)
}

// attrOr returns attributes from a reply, or asks for them where the server left them out.
func (o *Origin) attrOr(ctx context.Context, as origin.Cred, a nfs.OptAttr, id origin.ID) (nfs.Attr, error) {
	if a.Present {
		return a.Attr, nil
	}
	return o.GetAttr(ctx, as, id)
}

// Lookup asks LOOKUP.
func (o *Origin) Lookup(ctx context.Context, as origin.Cred, dir origin.ID, name string) (node origin.Node, after nfs.OptAttr, err error) {
	h, err := handleOf(dir)
	if err != nil {
		return node, after, err
	}
	conn, err := o.client(ctx)
	if err != nil {
		return node, after, err
	}
	ctx, cancel := o.patient(ctx)
	defer cancel()
	res, err := conn.Lookup(ctx, o.auth(as), nfs.LookupArgs{Dir: h, Name: name})
	if err != nil {
		return node, res.DirAttr, wrap(err)
	}
	node.ID = idOf(res.Object)
	node.Attr, err = o.attrOr(ctx, as, res.Attr, node.ID)
	return node, res.DirAttr, err
}

// Access asks ACCESS.
func (o *Origin) Access(ctx context.Context, as origin.Cred, id origin.ID, want nfs.Access) (nfs.Access, error) {
	h, err := handleOf(id)
	if err != nil {
		return 0, err
	}
	conn, err := o.client(ctx)
	if err != nil {
		return 0, err
	}
	ctx, cancel := o.patient(ctx)
	defer cancel()
	res, err := conn.Access(ctx, o.auth(as), nfs.AccessArgs{Object: h, Access: want})
	return res.Access & want, wrap(err)
}

// ReadLink asks READLINK.
func (o *Origin) ReadLink(ctx context.Context, as origin.Cred, id origin.ID) (string, error) {
	h, err := handleOf(id)
	if err != nil {
		return "", err
	}
	conn, err := o.client(ctx)
	if err != nil {
		return "", err
	}
	ctx, cancel := o.patient(ctx)
	defer cancel()
	res, err := conn.Readlink(ctx, o.auth(as), nfs.ReadlinkArgs{Object: h})
	return res.Target, wrap(err)
}

// StatFS asks FSSTAT.
func (o *Origin) StatFS(ctx context.Context, id origin.ID) (origin.FSStat, error) {
	h, err := handleOf(id)
	if err != nil {
		return origin.FSStat{}, err
	}
	conn, err := o.client(ctx)
	if err != nil {
		return origin.FSStat{}, err
	}
	ctx, cancel := o.patient(ctx)
	defer cancel()
	r, err := conn.Fsstat(ctx, nil, nfs.FsstatArgs{Root: h})
	return origin.FSStat{
		TotalBytes: r.TotalBytes, FreeBytes: r.FreeBytes, AvailBytes: r.AvailBytes,
		TotalFiles: r.TotalFiles, FreeFiles: r.FreeFiles, AvailFiles: r.AvailFiles,
	}, wrap(err)
}

// PathConf asks PATHCONF.
func (o *Origin) PathConf(ctx context.Context, id origin.ID) (origin.PathConf, error) {
	h, err := handleOf(id)
	if err != nil {
		return origin.PathConf{}, err
	}
	conn, err := o.client(ctx)
	if err != nil {
		return origin.PathConf{}, err
	}
	ctx, cancel := o.patient(ctx)
	defer cancel()
	r, err := conn.Pathconf(ctx, nil, nfs.PathconfArgs{Object: h})
	return origin.PathConf{LinkMax: r.LinkMax, NameMax: r.NameMax, CaseInsensitive: r.CaseInsensitive}, wrap(err)
}

// Read fills buf with as many READs as the server needs for it.
func (o *Origin) Read(ctx context.Context, as origin.Cred, id origin.ID, off uint64, buf []byte) (r origin.ReadResult, err error) {
	h, err := handleOf(id)
	if err != nil {
		return r, err
	}
	conn, err := o.client(ctx)
	if err != nil {
		return r, err
	}
	ctx, cancel := o.patient(ctx)
	defer cancel()
	for {
		rest := buf[r.N:min(len(buf), r.N+int(o.Caps().MaxRead))]
		args := nfs.ReadArgs{File: h, Offset: off + uint64(r.N), Count: uint32(len(rest))}
		res, err := conn.Read(ctx, o.auth(as), args, rest)
		if err != nil {
			return r, wrap(err)
		}
		r.N += len(res.Data)
		r.EOF = res.EOF
		if r.N == len(buf) || res.EOF || len(res.Data) == 0 {
			r.Attr, err = o.attrOr(ctx, as, res.Attr, id)
			return r, err
		}
	}
}

// pageBytes is the size of a page: about 5,000 entries with attributes and handles, or 25,000 names. Many servers give less.
const pageBytes = 1 << 20

// ReadDir asks READDIRPLUS or READDIR. Servers that will not know a cookie without its verifier get the one of now: what
// they then say of the cookie is true, and those whose cookies really die with a change say so again.
func (o *Origin) ReadDir(ctx context.Context, as origin.Cred, dir origin.ID, cookie origin.Cookie, plus bool) (page origin.Page, err error) {
	h, err := handleOf(dir)
	if err != nil {
		return page, err
	}
	conn, err := o.client(ctx)
	if err != nil {
		return page, err
	}
	ctx, cancel := o.patient(ctx)
	defer cancel()
	page, err = readPage(ctx, conn, o.auth(as), h, cookie, plus)
	if errors.Is(err, nfs.ErrBadCookie) && cookie.At != 0 {
		first, firstErr := conn.Readdir(ctx, o.auth(as), nfs.ReaddirArgs{Dir: h, Count: 1024})
		if firstErr != nil {
			return page, wrap(firstErr)
		}
		cookie.Verf = first.Verifier
		page, err = readPage(ctx, conn, o.auth(as), h, cookie, plus)
	}
	return page, wrap(err)
}

func readPage(ctx context.Context, conn *nfs.Client, auth *nfs.Auth, dir nfs.Handle, cookie origin.Cookie, plus bool) (page origin.Page, err error) {
	var res nfs.ReaddirResult
	if plus {
		res, err = conn.Readdirplus(ctx, auth, nfs.ReaddirplusArgs{
			Dir: dir, Cookie: nfs.Cookie(cookie.At), Verifier: cookie.Verf, DirCount: pageBytes, MaxCount: pageBytes,
		})
	} else {
		res, err = conn.Readdir(ctx, auth, nfs.ReaddirArgs{
			Dir: dir, Cookie: nfs.Cookie(cookie.At), Verifier: cookie.Verf, Count: pageBytes,
		})
	}
	if err != nil {
		return page, err
	}
	page.EOF, page.Dir = res.EOF, res.DirAttr
	page.Next = origin.Cookie{At: cookie.At, Verf: res.Verifier}
	page.Entries = make([]origin.DirEntry, 0, len(res.Entries))
	nodes := make([]origin.Node, 0, len(res.Entries)) // one allocation for all; never grown
	for _, e := range res.Entries {
		page.Next.At = uint64(e.Cookie)
		if e.Name == "." || e.Name == ".." {
			continue
		}
		entry := origin.DirEntry{Name: e.Name, FileID: e.FileID, Cookie: uint64(e.Cookie)}
		if e.Attr.Present && e.Handle.Present {
			nodes = append(nodes, origin.Node{ID: idOf(e.Handle.Handle), Attr: e.Attr.Attr})
			entry.Node = &nodes[len(nodes)-1]
		}
		page.Entries = append(page.Entries, entry)
	}
	return page, nil
}
