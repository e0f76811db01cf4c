package nfstest

import (
	"context"
	"sort"

	"github.com/spillway/spillway/nfs"
)

// directory has its entries by name and in the order of their cookies, which never change and are never used again.
type directory struct {
	parent uint64
	byName map[string]*entry
	order  []*entry
	last   nfs.Cookie
}

type entry struct {
	name   string
	id     uint64
	cookie nfs.Cookie
}

// The cookies of "." and "..".
const (
	cookieDot    nfs.Cookie = 1
	cookieDotDot nfs.Cookie = 2
)

func newDirectory() *directory {
	return &directory{byName: map[string]*entry{}, last: cookieDotDot}
}

func (d *directory) put(name string, id uint64) {
	d.remove(name)
	d.last++
	e := &entry{name: name, id: id, cookie: d.last}
	d.byName[name] = e
	d.order = append(d.order, e)
}

func (d *directory) remove(name string) {
	e := d.byName[name]
	if e == nil {
		return
	}
	delete(d.byName, name)
	i := d.after(e.cookie - 1)
	d.order = append(d.order[:i], d.order[i+1:]...)
}

// after returns the index of the first entry behind a cookie.
func (d *directory) after(c nfs.Cookie) int {
	return sort.Search(len(d.order), func(i int) bool { return d.order[i].cookie > c })
}

func (fs *FS) readdir(_ context.Context, req *nfs.Request, args *nfs.ReaddirArgs, res *nfs.ReaddirResult) {
	if fs.begin(nfs.ProcReaddir, req, &res.Status) {
		defer fs.mu.Unlock()
		fs.page(args.Dir, args.Cookie, false, res)
	}
}

func (fs *FS) readdirplus(_ context.Context, req *nfs.Request, args *nfs.ReaddirplusArgs, res *nfs.ReaddirplusResult) {
	if fs.begin(nfs.ProcReaddirplus, req, &res.Status) {
		defer fs.mu.Unlock()
		fs.page(args.Dir, args.Cookie, true, res)
	}
}

// page fills a page with the entries behind a cookie.
func (fs *FS) page(dir nfs.Handle, cookie nfs.Cookie, plus bool, res *nfs.ReaddirResult) {
	n, s := fs.findDir(dir)
	if res.Status = s; s != nfs.OK {
		return
	}
	res.DirAttr = n.opt()
	add := func(name string, id uint64, c nfs.Cookie) bool {
		e := nfs.DirEntry{FileID: id, Name: name, Cookie: c}
		if child := fs.inodes[id]; plus && child != nil {
			e.Attr, e.Handle = child.opt(), nfs.WithHandle(fs.handleOf(id))
		}
		return res.Add(e)
	}
	if cookie < cookieDot && !add(".", n.id, cookieDot) || cookie < cookieDotDot && !add("..", n.dir.parent, cookieDotDot) {
		return
	}
	for _, e := range n.dir.order[n.dir.after(cookie):] {
		if !add(e.name, e.id, e.cookie) {
			return
		}
	}
	res.EOF = true
}
