package blob

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// Config says which part of which bucket and how.
type Config struct {
	Store    Store  // closed with the origin, if it is an io.Closer
	Name     string // for Describe: "s3:BUCKET/prefix"
	Prefix   string // of the keys to show, without "/" at its ends; "": the whole bucket
	Dir      string // local directory of this origin alone, for staging files and the journal
	Places   Places // where identities are; nil keeps it in memory
	Defaults Defaults
	PartSize int64        // larger objects are uploaded in parts of this size; 0: 16 MiB
	Log      *slog.Logger // nil discards
}

// Origin is a bucket.
type Origin struct {
	store    Store
	limits   Limits
	name     string
	prefix   string // "" or ending in "/"
	dir      string
	rootID   origin.ID
	fsid     uint64
	places   Places
	defaults Defaults
	partSize int64
	log      *slog.Logger

	claims  *claims
	heads   *heads
	dirs    *dirs
	scans   *scans
	staged  *stage
	journal *journal
	verf    verifier
	settled atomic.Bool // what the journal held was finished
	settle  sync.Mutex  // held while it is

	clock sync.Mutex
	last  nfs.Time // clock guards it
}

var _ origin.Origin = (*Origin)(nil)

// Open prepares the origin. It does not ask the store: Probe does.
func Open(cfg Config) (*Origin, error) {
	if cfg.Store == nil || cfg.Dir == "" {
		return nil, fault.New(fault.Invalid, "an object store needs a store and a local directory")
	}
	o := &Origin{
		store: cfg.Store, limits: cfg.Store.Limits(), name: cfg.Name, dir: cfg.Dir, places: cfg.Places, defaults: cfg.Defaults,
		partSize: cfg.PartSize, log: cfg.Log, claims: newClaims(), heads: newHeads(), scans: newScans(), fsid: stableHash(cfg.Name),
	}
	if prefix := strings.Trim(cfg.Prefix, "/"); prefix != "" {
		o.prefix = prefix + "/"
	}
	if o.log == nil {
		o.log = slog.New(slog.DiscardHandler)
	}
	if o.places == nil {
		o.places = newMemoryPlaces()
	}
	if o.defaults.FileMode == 0 {
		o.defaults.FileMode = 0o644
	}
	if o.defaults.DirMode == 0 {
		o.defaults.DirMode = 0o755
	}
	if o.partSize == 0 {
		o.partSize = 16 << 20
	}
	o.partSize = max(o.partSize, o.limits.MinPart)
	o.rootID = idOf(idDir, derive(idDir, "", "root", 0))
	o.dirs = newDirs(o.now)
	var err error
	if o.staged, err = newStage(filepath.Join(cfg.Dir, "staging")); err != nil {
		return nil, err
	}
	if o.journal, err = openJournal(filepath.Join(cfg.Dir, "journal")); err != nil {
		return nil, err
	}
	o.settled.Store(len(o.journal.pending)+len(o.journal.done) == 0)
	o.verf.start()
	return o, nil
}

// Probe asks the store for the bucket, so that wrong credentials and names are told at the start.
func (o *Origin) Probe(ctx context.Context) error {
	_, err := o.store.List(ctx, Query{Prefix: o.prefix, Max: 1})
	return err
}

// Caps describes an object store.
func (o *Origin) Caps() origin.Caps {
	return origin.S3().Caps // those of all object stores
}

// Describe returns the configured name.
func (o *Origin) Describe() string { return o.name }

// Close drops what was written and never committed.
func (o *Origin) Close() error {
	o.staged.close()
	if c, ok := o.store.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// now returns a time later than every time before, by this machine's clock as far as that goes.
func (o *Origin) now() nfs.Time {
	o.clock.Lock()
	defer o.clock.Unlock()
	t := nfs.TimeOf(time.Now())
	if !o.last.Before(t) {
		t = o.last
		if t.Nsec++; t.Nsec == 1_000_000_000 {
			t.Sec, t.Nsec = t.Sec+1, 0
		}
	}
	o.last = t
	return t
}

// fileAttr are the attributes of a described object. Its change time is that of its metadata if we wrote that version
// ourselves; otherwise others may have kept our metadata for other content, and the store's time and ETag decide.
func (o *Origin) fileAttr(id origin.ID, obj *Object) nfs.Attr {
	a := o.attrsOf(obj, false)
	a.Size, a.Used, a.FSID, a.FileID = uint64(obj.Size), uint64(obj.Size), o.fsid, fileID(id)
	if s, ok := o.spotOf(id); ok && s.etag == obj.ETag {
		if t, ok := parseTime(obj.Props.Meta[metaCtime]); ok {
			a.Ctime = t
			return a
		}
	}
	a.Ctime = taggedTime(nfs.TimeOf(obj.Modified), obj.ETag)
	if _, ok := parseTime(obj.Props.Meta[metaMtime]); !ok {
		a.Mtime = a.Ctime
	}
	return a
}

// fileNode identifies a described object, with what is staged for it.
func (o *Origin) fileNode(ctx context.Context, obj *Object, parent origin.ID, name string) (origin.Node, error) {
	id, err := o.identify(ctx, idFile, obj, parent, name)
	if err != nil {
		return origin.Node{}, err
	}
	return origin.Node{ID: id, Attr: o.current(id, obj)}, nil
}

// current is fileAttr, or what is staged.
func (o *Origin) current(id origin.ID, obj *Object) nfs.Attr {
	if f := o.staged.get(id); f != nil {
		if a, ok := f.attrs(); ok {
			return a
		}
	}
	return o.fileAttr(id, obj)
}

// file returns the object that id is now.
func (o *Origin) file(ctx context.Context, id origin.ID) (Object, error) {
	key, err := o.keyOf(id)
	if err != nil {
		return Object{}, err
	}
	obj, err := o.head(ctx, key)
	if err != nil {
		return obj, gone(err)
	}
	return obj, o.check(ctx, id, &obj)
}

// check refuses an object that has another identity.
func (o *Origin) check(ctx context.Context, id origin.ID, obj *Object) error {
	s, ok := o.spotOf(id)
	if !ok || s.parent == "" {
		return nfs.ErrStale
	}
	is, err := o.identify(ctx, id[0], obj, s.parent, s.name)
	if err == nil && is != id {
		err = nfs.ErrStale
	}
	return err
}

// stateDir makes a directory that only this process may use.
func stateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fault.Wrap(fault.Invalid, err, "directory for files on their way to the object store")
	}
	return nil
}
