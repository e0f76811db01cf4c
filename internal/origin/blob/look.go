package blob

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// entry is one name in a page of a listing.
type entry struct {
	name string
	obj  Object // of a directory only the key, with its "/"
	dir  bool
}

func (e *entry) sum() uint64 {
	if e.dir {
		return entrySum(e.name, "/")
	}
	return entrySum(e.name, e.obj.ETag)
}

// page is a page of a directory's listing.
type page struct {
	entries []entry
	marker  *Object // the directory's own marker, if it is in this page
	next    string
	newest  time.Time
	sum     uint64
}

// fold turns a page of keys into names. Keys that no name can say are not shown; of a file and a directory of one name,
// the file is: its key comes first, perhaps pages before, so files that a directory may still follow are carried along.
func (o *Origin) fold(l *Listing, dir string, carried []string) (page, []string) {
	p := page{next: l.Next}
	note := func(obj *Object) {
		if obj.Modified.After(p.newest) {
			p.newest = obj.Modified
		}
	}
	type item struct {
		key string
		obj *Object
	}
	items := make([]item, 0, len(l.Objects)+len(l.Prefixes))
	for i := range l.Objects {
		items = append(items, item{l.Objects[i].Key, &l.Objects[i]})
	}
	for _, key := range l.Prefixes {
		items = append(items, item{key, nil})
	}
	slices.SortStableFunc(items, func(a, b item) int { return strings.Compare(a.key, b.key) })
	for _, it := range items {
		part := strings.TrimPrefix(it.key, dir)
		if part == "" && it.obj != nil {
			p.marker = it.obj
			p.sum += entrySum("", it.obj.ETag)
			note(it.obj)
			continue
		}
		isDir := strings.HasSuffix(it.key, "/") // some stores list the marker of a directory in place of its prefix, or beside it
		part = strings.TrimSuffix(part, "/")
		for len(carried) > 0 && !strings.HasPrefix(part, carried[len(carried)-1]) {
			carried = carried[:len(carried)-1]
		}
		if isDir && slices.Contains(carried, part) {
			continue
		}
		name, ok := decodeName(part, &o.limits)
		if n := len(p.entries); !ok || isDir && n > 0 && p.entries[n-1].dir && p.entries[n-1].name == name {
			continue
		}
		e := entry{name: name, dir: isDir}
		if isDir {
			e.obj.Key = it.key
		} else {
			e.obj = *it.obj
			note(it.obj)
			carried = append(carried, part)
		}
		p.sum += e.sum()
		p.entries = append(p.entries, e)
	}
	return p, carried
}

// looked is a directory, looked at.
type looked struct {
	id     origin.ID
	key    string  // with its "/"
	marker *Object // described; nil: implied
	attr   nfs.Attr
	// whole: entries are all there are, and the directory's change times are proven by them.
	whole   bool
	entries []entry
	keys    int // below it, named or not
	sum     uint64
	// For going on behind the first page.
	next    string
	carried []string
	newest  time.Time
	moves   uint64
}

// look lists the first page of a directory, checks that it is the one, and describes it. Of a directory beyond a page the
// change time is not proven; then it is now, unlike every time before.
func (o *Origin) look(ctx context.Context, id origin.ID) (*looked, error) {
	return o.lookFar(ctx, id, 1)
}

// provenPages is how many pages are listed to tell whether a directory has changed.
const provenPages = 20

func (o *Origin) lookFar(ctx context.Context, id origin.ID, pages int) (*looked, error) {
	if !isDir(id) {
		if _, err := o.file(ctx, id); err != nil {
			return nil, err
		}
		return nil, nfs.ErrNotDir
	}
	key, err := o.keyOf(id)
	if err != nil {
		return nil, err
	}
	d, err := o.lookAt(ctx, key, pages)
	if err != nil {
		return nil, gone(err)
	}
	if id != o.rootID {
		err = o.check(ctx, id, d.object())
	}
	d.identified(id)
	return d, err
}

// lookAt looks at the directory at a key; ErrNotFound.
func (o *Origin) lookAt(ctx context.Context, key string, pages int) (*looked, error) {
	d := &looked{key: key, moves: o.dirs.glance(key)}
	for n := 1; ; n++ {
		l, err := o.store.List(ctx, Query{Prefix: key, Token: d.next})
		if err != nil {
			return nil, err
		}
		if n == 1 && len(l.Objects)+len(l.Prefixes) == 0 && l.Next == "" && key != o.prefix {
			return nil, ErrNotFound
		}
		d.add(o.fold(&l, key, d.carried))
		d.keys += len(l.Objects) + len(l.Prefixes)
		if d.whole = d.next == ""; d.whole || n >= pages {
			break
		}
	}
	if d.marker != nil {
		switch m, err := o.describe(ctx, d.marker); {
		case errors.Is(err, ErrNotFound): // gone since the listing
			d.marker = nil
		case err != nil:
			return nil, err
		default:
			d.marker = &m
		}
	}
	changed := o.now()
	if d.whole {
		changed = o.dirs.judge(key, d.moves, d.sum, d.newest)
	}
	d.attr = o.dirAttr(d.marker, changed, d.sum)
	return d, nil
}

// add takes a page in.
func (d *looked) add(p page, carried []string) {
	if p.marker != nil {
		d.marker = p.marker
		d.keys--
	}
	d.entries = append(d.entries, p.entries...)
	d.sum += p.sum
	d.next, d.carried = p.next, carried
	if p.newest.After(d.newest) {
		d.newest = p.newest
	}
}

// lookChild looks at the directory that an entry of parent is.
func (o *Origin) lookChild(ctx context.Context, e *entry, parent origin.ID) (*looked, error) {
	d, err := o.lookAt(ctx, e.obj.Key, 1)
	if err != nil {
		return nil, status(err)
	}
	id, err := o.identify(ctx, idDir, d.object(), parent, e.name)
	d.identified(id)
	return d, err
}

func (d *looked) identified(id origin.ID) { d.id, d.attr.FileID = id, fileID(id) }

// opt returns the attributes if they are proven.
func (d *looked) opt() nfs.OptAttr { return nfs.OptAttr{Present: d.whole, Attr: d.attr} }

// object is the marker, or what stands for one.
func (d *looked) object() *Object {
	if d.marker == nil {
		return &Object{Key: d.key}
	}
	return d.marker
}

// dirSize is what a directory says of its size.
const dirSize = 4096

// dirAttr are a directory's attributes. A mtime that was set holds until names change.
func (o *Origin) dirAttr(marker *Object, changed nfs.Time, sum uint64) nfs.Attr {
	obj := marker
	if obj == nil {
		obj = &Object{}
	}
	a := o.attrsOf(obj, true)
	a.Size, a.Used, a.FSID, a.Ctime = dirSize, dirSize, o.fsid, changed
	if marker == nil || obj.Props.Meta[metaNames] != formatSum(sum-entrySum("", obj.ETag)) {
		a.Mtime = changed
	}
	a.Atime = a.Mtime
	return a
}

// find returns what name is in d: its described object or its directory's key.
func (o *Origin) find(ctx context.Context, d *looked, name string) (entry, error) {
	key, err := o.childKey(d.key, name)
	if err != nil {
		return entry{}, err
	}
	if d.whole {
		for i := range d.entries {
			if e := d.entries[i]; e.name == name {
				return o.described(ctx, e)
			}
		}
		return entry{}, nfs.ErrNoEnt
	}
	obj, err := o.head(ctx, key)
	if err == nil {
		return entry{name: name, obj: obj}, nil
	}
	if !errors.Is(err, ErrNotFound) {
		return entry{}, status(err)
	}
	l, err := o.store.List(ctx, Query{Prefix: key + "/", Max: 1})
	if err != nil {
		return entry{}, status(err)
	}
	if len(l.Objects)+len(l.Prefixes) == 0 {
		return entry{}, nfs.ErrNoEnt
	}
	return entry{name: name, obj: Object{Key: key + "/"}, dir: true}, nil
}

// described completes the entry of a file. That of a directory is left to lookChild.
func (o *Origin) described(ctx context.Context, e entry) (entry, error) {
	if e.dir {
		return e, nil
	}
	var err error
	e.obj, err = o.describe(ctx, &e.obj)
	return e, status(err)
}

// node identifies an entry of dir and describes it.
func (o *Origin) node(ctx context.Context, e *entry, dir origin.ID) (origin.Node, error) {
	if !e.dir {
		return o.fileNode(ctx, &e.obj, dir, e.name)
	}
	d, err := o.lookChild(ctx, e, dir)
	if err != nil {
		return origin.Node{}, err
	}
	return origin.Node{ID: d.id, Attr: d.attr}, nil
}
