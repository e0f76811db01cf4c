package filer

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// Aside is dirty data that can no longer land under its name: the file is gone from the storage, or a fence ended the
// session that wrote it before the storage took it. It is kept in the cache directory until somebody ends it.
type Aside struct {
	Inode  uint64    `json:"inode"`
	Export string    `json:"export"`
	Path   string    `json:"path"` // as last seen, from the root of the filer's namespace
	Name   string    `json:"name"`
	Dir    uint64    `json:"dir"` // inode of its directory; 0: not known
	Size   uint64    `json:"size"`
	Bytes  uint64    `json:"bytes"` // of the file that the storage does not have
	Mtime  time.Time `json:"mtime"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	File   string    `json:"file"` // below the cache directory; sparse
	Gen    uint64    `json:"gen"`

	Target uint32      `json:"target"`
	As     origin.Cred `json:"as"` // who writes it
	Mode   uint32      `json:"mode"`
	First  time.Time   `json:"first"` // change, and the last one
	Last   time.Time   `json:"last"`
	Here   []piece     `json:"here"`  // of the file, in File
	Clean  uint64      `json:"clean"` // what is not here lies at the storage below this, and is zeros beyond
	Base   nfs.PreAttr `json:"base"`  // the state at the storage that goes with it
}

// piece is a range of bytes.
type piece struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
}

// id names what was set aside, and sorts as its key in the index does.
func (a *Aside) id() string { return fmt.Sprintf("%s.%x", idOf(a.Inode), a.At.UnixNano()) }

// idOf names a dirty file.
func idOf(inode uint64) string { return strconv.FormatUint(inode, 16) }

func (a *Aside) key() []byte {
	return binary.BigEndian.AppendUint64(inodeKey('a', a.Inode), uint64(a.At.UnixNano()))
}

// setAside keeps a file's dirty data out of the way, durably, and makes the inode clean. It returns nil if the file is not
// dirty any more. Called without mu; nothing may be running.
func (w *writeBack) setAside(ino *inode, d *dirty, reason string) (*Aside, error) {
	ino.mu.Lock()
	content, at, making := ino.content, ino.place, ino.making
	ino.mu.Unlock()
	if making != nil {
		return w.setUnbornAside(ino, d, making, reason)
	}
	if content != nil {
		content.hardening.Lock()
		err := w.syncData(ino, d)
		content.hardening.Unlock()
		if err != nil {
			return nil, err
		}
	}
	a, seq, err := w.moveAside(ino, d, reason, w.f.shownPath(ino.target, at))
	if err == nil && seq != 0 {
		err = w.wait(seq) // what was set aside must not land after a crash
	}
	return a, err
}

// setUnbornAside is setAside for a file that its origin does not have: its name is given up, and where nothing was written
// there is nothing to keep.
func (w *writeBack) setUnbornAside(ino *inode, d *dirty, op *nameOp, reason string) (a *Aside, err error) {
	ino.mu.Lock()
	content, at, empty := ino.content, ino.place, ino.attr.Size == 0
	ino.mu.Unlock()
	if !empty && content != nil {
		content.hardening.Lock()
		err = w.syncData(ino, d)
		content.hardening.Unlock()
		if err == nil {
			a, _, err = w.moveAside(ino, d, reason, w.f.shownPath(ino.target, at))
		}
	}
	if err == nil {
		err = w.names.forsake(w.f.ctx, op) // its record comes behind that of the file
	}
	return a, err
}

// moveAside notes in the index what is set aside, and gives the data file to it. It returns the log record that says that
// the file is clean.
func (w *writeBack) moveAside(ino *inode, d *dirty, reason, path string) (*Aside, uint64, error) {
	ino.mu.Lock()
	defer ino.mu.Unlock()
	if ino.dirty != d {
		return nil, 0, nil
	}
	at := ino.place
	a := Aside{
		Inode: ino.id, Export: ino.target.path, Path: path, Name: at.name, Dir: at.dir, Size: ino.attr.Size, Mtime: ino.attr.Mtime.Time(),
		Reason: reason, At: time.Now().UTC(), Target: ino.target.id, As: d.as, Mode: ino.attr.Mode, First: d.first.UTC(), Last: d.last.UTC(),
		Clean: min(d.cut(), d.base.Size, ino.attr.Size), Base: d.base.Pre(),
	}
	if c := ino.content; c != nil && c.gen != 0 {
		kept := ino.have()
		a.Gen, a.Bytes = c.gen, ino.owed
		for _, s := range kept.and(&ranges{[]span{{0, a.Size}}}).spans {
			a.Here = append(a.Here, piece{s.from, s.to})
		}
		file, err := filepath.Rel(w.f.cfg.CacheDir, w.f.store.path(c.gen))
		if err != nil {
			return nil, 0, err
		}
		a.File = file
	}
	v, err := json.Marshal(a)
	if err != nil {
		return nil, 0, err
	}
	if err := w.f.kv.Apply([]Change{{a.key(), v}}, true); err != nil {
		return nil, 0, err
	}
	seq := w.clean(ino)
	w.aside.Add(1)
	if c := ino.content; c != nil {
		if c.file != nil {
			c.file.put()
			c.file = nil
		}
		c.gen, c.linked, c.recorded = 0, false, false // the file is the aside's now
		c.reset()
	}
	ino.attr, ino.verified = d.base, time.Time{}
	w.f.log.Warn("dirty data was set aside", "export", a.Export, "name", a.Name, "bytes", a.Bytes, "reason", reason, "file", a.File)
	return &a, seq, nil
}

// goneDirty deals with what is dirty of a file that the origin no longer has: it goes with the file if we removed that,
// else it is set aside. False: that failed, and the file must not be forgotten.
func (f *Filer) goneDirty(ino *inode) bool {
	ino.mu.Lock()
	d := ino.dirty
	if d != nil && ino.unlinks > 0 {
		f.wb.clean(ino)
		d = nil
	}
	ino.mu.Unlock()
	if d == nil {
		return true
	}
	_, err := f.wb.setAside(ino, d, "the file is gone from the storage")
	if err != nil {
		f.log.Error("set dirty data aside", "inode", ino.id, "error", err)
	}
	return err == nil
}

// Asides lists what was set aside.
func (f *Filer) Asides() (out []Aside, err error) {
	err = f.kv.Scan([]byte{'a'}, func(_, v []byte) error {
		var a Aside
		if json.Unmarshal(v, &a) == nil {
			out = append(out, a)
		}
		return nil
	})
	return out, err
}
