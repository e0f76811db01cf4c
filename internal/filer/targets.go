package filer

import (
	"encoding/binary"

	"github.com/spillway/spillway/internal/origin"
)

// openExport gives an export its durable number, and opens its target unless another export has. Another origin at the
// same path is another export: handles of the old one must not reach files of the new one.
func (f *Filer) openExport(e Export) (*export, error) {
	name := e.Name
	if e.Origin != nil {
		name = e.Origin.Describe()
	}
	key := e.Path + "\x00" + name
	if e.Sub != "/" {
		key += "\x00" + e.Sub
	}
	id, isNew, err := f.numberOf(key, 0)
	if err != nil {
		return nil, err
	}
	t, err := f.openTarget(e, name, id, isNew)
	if err != nil {
		return nil, err
	}
	x := &export{id: id, path: e.Path, target: t, sub: namesOf(e.Sub), policyName: e.Policy}
	f.exports = append(f.exports, x)
	f.byExport[id] = x
	return x, nil
}

// openTarget returns the target of a name, opening it for the first export. In a cache of before targets had numbers of
// their own, it has that export's.
func (f *Filer) openTarget(e Export, name string, export uint32, newExport bool) (*target, error) {
	for _, t := range f.byID {
		if t.name == name {
			return t, nil
		}
	}
	fallback := export
	if newExport {
		fallback = 0
	}
	id, _, err := f.numberOf("\x00"+name, fallback)
	if err != nil {
		return nil, err
	}
	o := e.Origin
	if o == nil {
		if o, err = e.Open(places{f.kv, id}); err != nil {
			return nil, err
		}
		f.opened = append(f.opened, o)
	}
	t := &target{
		id: id, name: name, path: e.Path, caps: o.Caps(), moving: make(chan struct{}, 1),
		block: e.Block, ahead: uint64(max(e.ReadAhead, 0)), parent: e.Parent,
	}
	t.reach.limit = max(e.Outage, 0)
	t.origin = origin.Metered(o, func(op origin.Operation) func(error) { return f.measured(t, op) })
	t.dirs = directoriesOf(t.origin)
	t.verify.Store(int64(e.Verify))
	if !t.caps.Local {
		t.writeBack = e.WriteBack
		t.ownNames = e.LocalDirectories && e.WriteBack > 0 && !t.caps.WholeObjects
		t.owes = t.ownNames
		t.scatter = f.seal.scatter
	}
	f.byID[id] = t
	if _, pseudo := o.(*pseudo); !pseudo {
		f.targets = append(f.targets, t)
	}
	return t, t.load(f.kv)
}

// numberOf returns the durable number of an export or a target: the one it has, else the fallback, else a new one.
func (f *Filer) numberOf(key string, fallback uint32) (id uint32, isNew bool, err error) {
	k := append([]byte{'t'}, key...)
	v, err := f.kv.Get(k)
	if err != nil {
		return 0, false, err
	}
	if len(v) == 4 {
		return binary.BigEndian.Uint32(v), false, nil
	}
	id = fallback
	if id == 0 {
		gen, err := f.ids.generation()
		if err != nil {
			return 0, false, err
		}
		id = uint32(gen)
	}
	return id, true, f.kv.Apply([]Change{{k, binary.BigEndian.AppendUint32(nil, id)}}, true)
}

// directoriesOf returns the origin's directories with cookies that last.
func directoriesOf(o origin.Origin) origin.Directories {
	if o.Caps().StableCookies {
		return o
	}
	return origin.NewSorted(o.ReadDir)
}
