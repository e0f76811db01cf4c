package origin

import (
	"context"

	"github.com/spillway/spillway/nfs"
)

// Operation is one of an Origin's.
type Operation uint8

// The operations, named as NFS names what they ask.
const (
	OpRoot Operation = iota
	OpGetAttr
	OpLookup
	OpAccess
	OpReadLink
	OpStatFS
	OpPathConf
	OpRead
	OpWrite
	OpCommit
	OpSync
	OpSetAttr
	OpCreate
	OpMkDir
	OpSymlink
	OpMkNod
	OpRemove
	OpRmDir
	OpRename
	OpLink
	OpReadDir
	Operations // how many there are
)

// String returns the name in capitals, such as GETATTR.
func (o Operation) String() string {
	names := [...]string{"ROOT", "GETATTR", "LOOKUP", "ACCESS", "READLINK", "FSSTAT", "PATHCONF", "READ", "WRITE", "COMMIT", "SYNC",
		"SETATTR", "CREATE", "MKDIR", "SYMLINK", "MKNOD", "REMOVE", "RMDIR", "RENAME", "LINK", "READDIR"}
	if int(o) < len(names) {
		return names[o]
	}
	return "UNKNOWN"
}

// Meter is told of each operation: begin is called before it, and what that returns after it, with the operation's error.
// Both must not block.
type Meter func(Operation) (end func(error))

// Metered returns an origin that tells the meter what it is asked.
func Metered(o Origin, m Meter) Origin { return &metered{o, m} }

// As returns the first of o and the origins that it wraps that is a T; it is how what only some origins can do is found.
func As[T any](o Origin) (T, bool) {
	for {
		if t, ok := o.(T); ok {
			return t, true
		}
		w, ok := o.(interface{ Unwrap() Origin })
		if !ok {
			var none T
			return none, false
		}
		o = w.Unwrap()
	}
}

type metered struct {
	Origin // Caps, Describe and Close ask nobody
	begin  Meter
}

// Unwrap returns the origin that is measured.
func (m *metered) Unwrap() Origin { return m.Origin }

// measure runs one operation.
func measure[R any](m *metered, op Operation, ask func() (R, error)) (R, error) {
	end := m.begin(op)
	r, err := ask()
	end(err)
	return r, err
}

func (m *metered) Root(ctx context.Context) (Node, error) {
	return measure(m, OpRoot, func() (Node, error) { return m.Origin.Root(ctx) })
}

func (m *metered) GetAttr(ctx context.Context, as Cred, id ID) (nfs.Attr, error) {
	return measure(m, OpGetAttr, func() (nfs.Attr, error) { return m.Origin.GetAttr(ctx, as, id) })
}

func (m *metered) Lookup(ctx context.Context, as Cred, dir ID, name string) (Node, nfs.OptAttr, error) {
	end := m.begin(OpLookup)
	node, after, err := m.Origin.Lookup(ctx, as, dir, name)
	end(err)
	return node, after, err
}

func (m *metered) Access(ctx context.Context, as Cred, id ID, want nfs.Access) (nfs.Access, error) {
	return measure(m, OpAccess, func() (nfs.Access, error) { return m.Origin.Access(ctx, as, id, want) })
}

func (m *metered) ReadLink(ctx context.Context, as Cred, id ID) (string, error) {
	return measure(m, OpReadLink, func() (string, error) { return m.Origin.ReadLink(ctx, as, id) })
}

func (m *metered) StatFS(ctx context.Context, id ID) (FSStat, error) {
	return measure(m, OpStatFS, func() (FSStat, error) { return m.Origin.StatFS(ctx, id) })
}

func (m *metered) PathConf(ctx context.Context, id ID) (PathConf, error) {
	return measure(m, OpPathConf, func() (PathConf, error) { return m.Origin.PathConf(ctx, id) })
}

func (m *metered) Read(ctx context.Context, as Cred, id ID, off uint64, buf []byte) (ReadResult, error) {
	return measure(m, OpRead, func() (ReadResult, error) { return m.Origin.Read(ctx, as, id, off, buf) })
}

func (m *metered) Write(ctx context.Context, as Cred, id ID, off uint64, data []byte, how nfs.Stable) (WriteResult, error) {
	return measure(m, OpWrite, func() (WriteResult, error) { return m.Origin.Write(ctx, as, id, off, data, how) })
}

func (m *metered) Commit(ctx context.Context, as Cred, id ID, off uint64, n uint32) (CommitResult, error) {
	return measure(m, OpCommit, func() (CommitResult, error) { return m.Origin.Commit(ctx, as, id, off, n) })
}

func (m *metered) Sync(ctx context.Context, id ID) error {
	end := m.begin(OpSync)
	err := m.Origin.Sync(ctx, id)
	end(err)
	return err
}

func (m *metered) SetAttr(ctx context.Context, as Cred, id ID, set nfs.SetAttr, guard *nfs.Time) (nfs.WccData, error) {
	return measure(m, OpSetAttr, func() (nfs.WccData, error) { return m.Origin.SetAttr(ctx, as, id, set, guard) })
}

func (m *metered) Create(ctx context.Context, as Cred, dir ID, name string, how CreateHow) (Made, error) {
	return measure(m, OpCreate, func() (Made, error) { return m.Origin.Create(ctx, as, dir, name, how) })
}

func (m *metered) MkDir(ctx context.Context, as Cred, dir ID, name string, set nfs.SetAttr) (Made, error) {
	return measure(m, OpMkDir, func() (Made, error) { return m.Origin.MkDir(ctx, as, dir, name, set) })
}

func (m *metered) Symlink(ctx context.Context, as Cred, dir ID, name, target string, set nfs.SetAttr) (Made, error) {
	return measure(m, OpSymlink, func() (Made, error) { return m.Origin.Symlink(ctx, as, dir, name, target, set) })
}

func (m *metered) MkNod(ctx context.Context, as Cred, dir ID, name string, kind Special, set nfs.SetAttr) (Made, error) {
	return measure(m, OpMkNod, func() (Made, error) { return m.Origin.MkNod(ctx, as, dir, name, kind, set) })
}

func (m *metered) Remove(ctx context.Context, as Cred, dir ID, name string) (nfs.WccData, error) {
	return measure(m, OpRemove, func() (nfs.WccData, error) { return m.Origin.Remove(ctx, as, dir, name) })
}

func (m *metered) RmDir(ctx context.Context, as Cred, dir ID, name string) (nfs.WccData, error) {
	return measure(m, OpRmDir, func() (nfs.WccData, error) { return m.Origin.RmDir(ctx, as, dir, name) })
}

func (m *metered) Rename(ctx context.Context, as Cred, from ID, fromName string, to ID, toName string) (RenameResult, error) {
	return measure(m, OpRename, func() (RenameResult, error) { return m.Origin.Rename(ctx, as, from, fromName, to, toName) })
}

func (m *metered) Link(ctx context.Context, as Cred, id, dir ID, name string) (LinkResult, error) {
	return measure(m, OpLink, func() (LinkResult, error) { return m.Origin.Link(ctx, as, id, dir, name) })
}

func (m *metered) ReadDir(ctx context.Context, as Cred, dir ID, cookie Cookie, plus bool) (Page, error) {
	return measure(m, OpReadDir, func() (Page, error) { return m.Origin.ReadDir(ctx, as, dir, cookie, plus) })
}
