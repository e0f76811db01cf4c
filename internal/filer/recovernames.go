package filer

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/nfs"
)

// recoveredNames are changes of names as index and log describe them.
type recoveredNames struct {
	ops     map[uint64]*nameOp
	indexed map[uint64]struct{} // serials with a record in the index
	births  []nameEnd           // what the index may not know of
	last    uint64              // serial
	begins  []*nameOp           // that the log has, of exclusive CREATEs
}

func newRecoveredNames() *recoveredNames {
	return &recoveredNames{ops: map[uint64]*nameOp{}, indexed: map[uint64]struct{}{}}
}

// load reads the index.
func (r *recoveredNames) load(kv KV) error {
	return kv.Scan([]byte{'y'}, func(key, v []byte) error {
		rec, err := parseLogRecord(v)
		op, ok := rec.(*nameOp)
		if err != nil || !ok || len(key) != 9 {
			return fault.New(fault.Internal, "write-back: damaged name %x", key)
		}
		r.begun(op)
		r.indexed[op.serial] = struct{}{}
		return nil
	})
}

func (r *recoveredNames) begun(op *nameOp) {
	r.ops[op.serial] = op
	r.last = max(r.last, op.serial)
	if op.verf != (nameOp{}).verf {
		r.begins = append(r.begins, op)
	}
}

func (r *recoveredNames) ended(e *nameEnd) {
	delete(r.ops, e.serial)
	r.last = max(r.last, e.serial)
	if e.end != opForsaken {
		r.births = append(r.births, *e)
	}
}

// forget drops the making of an inode that was set aside.
func (r *recoveredNames) forget(inode uint64) {
	maps.DeleteFunc(r.ops, func(_ uint64, op *nameOp) bool { return op.inode == inode })
}

// restore makes the index know what was born, and the inodes of what was not.
func (n *nameBack) restore(r *recoveredNames) error {
	f := n.w.f
	n.serial, n.indexed = r.last, r.indexed
	for i := range r.births {
		e := &r.births[i]
		if err := f.ids.bind(e.inode, fileKey{e.target, e.oid}); err != nil {
			return err
		}
	}
	for _, op := range r.begins {
		if err := f.noteExclusive(op); err != nil {
			return err
		}
	}
	ops := slices.SortedFunc(maps.Values(r.ops), func(a, b *nameOp) int { return cmp.Compare(a.serial, b.serial) })
	for _, op := range ops {
		n.restoreOp(op)
	}
	if len(ops) > 0 {
		f.log.Info("names of the last run that have not landed", "names", len(ops))
	}
	return nil
}

// restoreOp makes the inode of an unborn object again, and its name.
func (n *nameBack) restoreOp(op *nameOp) {
	f := n.w.f
	t := f.byID[op.target]
	if t == nil || t.origin == nil {
		n.orphans = append(n.orphans, op)
		f.log.Warn("a name that was not written back belongs to an export that is not there", "name", op.name)
		return
	}
	t.owes = true
	op.state.tried = true // nobody knows
	if op.attr.GID == op.as.GID || op.as.UID == 0 {
		t.noteMaker(op.as, &nfs.Attr{}, &op.attr, time.Now())
	}
	ino := f.table.add(op.inode, t, "")
	ino.mu.Lock()
	ino.conceived(op)
	ino.mu.Unlock()
	f.table.put(ino)
	dir, err := f.inode(op.dir)
	if err != nil { // gone: it will be made beside
		n.mu.Lock()
		n.admit(op, nil)
		n.mu.Unlock()
		return
	}
	defer f.table.put(dir)
	dir.mu.Lock()
	defer dir.mu.Unlock()
	n.mu.Lock()
	n.admit(op, dir.making)
	n.mu.Unlock()
	dir.own(op)
}
