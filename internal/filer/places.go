package filer

import (
	"encoding/binary"

	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/internal/origin/posix"
)

// places keeps, for a folder without file handles, where its files were last seen. It is written unsynced, before the
// inode ids that are written synced into the same log: an id that was handed out has its place.
type places struct {
	kv     KV
	target uint32
}

var _ posix.Places = places{}

func (p places) Place(id origin.ID) (parent origin.ID, name string, ok bool) {
	v, err := p.kv.Get(identityKey('p', p.target, id))
	if err != nil || len(v) < 2 {
		return "", "", false
	}
	n := int(binary.BigEndian.Uint16(v))
	if v = v[2:]; n > len(v) {
		return "", "", false
	}
	return origin.ID(v[:n]), string(v[n:]), true
}

func (p places) SetPlace(id, parent origin.ID, name string) error {
	v := binary.BigEndian.AppendUint16(nil, uint16(len(parent)))
	v = append(append(v, parent...), name...)
	return p.kv.Apply([]Change{{identityKey('p', p.target, id), v}}, false)
}
