package filer

import (
	"encoding/binary"
	"sync"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
)

// ids maps origin identities to inode ids and back. An id is durable before it can reach a reply, is never given to
// another file, and outlives eviction of everything else known about the file.
type ids struct {
	kv KV

	mu       sync.Mutex
	next     uint64                  // mu guards all but reserved
	limit    uint64                  // ids below it are reserved durably
	pending  map[fileKey]*allocation // being made durable
	finished uint64                  // counts the batches that have been
	reserved sync.Mutex              // one reservation at a time
}

type fileKey struct {
	target uint32
	id     origin.ID
}

type allocation struct {
	id   uint64
	done chan struct{}
	err  error // valid after done
}

// reserve is how many ids are taken from the durable counter at once.
const reserve = 1 << 14

func openIDs(kv KV) (*ids, error) {
	v, err := kv.Get(metaKey("nextInode"))
	if err != nil {
		return nil, err
	}
	next := uint64(1)
	if len(v) == 8 {
		next = binary.BigEndian.Uint64(v)
	}
	return &ids{kv: kv, next: next, limit: next, pending: map[fileKey]*allocation{}}, nil
}

// find returns the inode ids of the identities, in order, giving new ones to those that have none.
func (s *ids) find(target uint32, identities []origin.ID) ([]uint64, error) {
	out := make([]uint64, len(identities))
	var fresh []int
	s.mu.Lock()
	finished := s.finished
	s.mu.Unlock()
	for i, id := range identities {
		v, err := s.kv.Get(identityKey('o', target, id))
		if err != nil {
			return nil, err
		}
		if len(v) == 8 {
			out[i] = binary.BigEndian.Uint64(v)
		} else {
			fresh = append(fresh, i)
		}
	}
	if len(fresh) == 0 {
		return out, nil
	}
	return out, s.give(target, identities, fresh, finished, out)
}

// give allocates ids for identities[fresh], which had none when so many batches were finished, writes them in one durable
// batch, and waits for those that another call is writing.
func (s *ids) give(target uint32, identities []origin.ID, fresh []int, finished uint64, out []uint64) error {
	if err := s.ensure(uint64(len(fresh))); err != nil {
		return err
	}
	var mine, wait []int
	allocs := make(map[int]*allocation, len(fresh))
	s.mu.Lock()
	for _, i := range fresh {
		key := fileKey{target, identities[i]}
		a, busy := s.pending[key]
		if busy {
			wait = append(wait, i)
		} else {
			a = &allocation{id: s.next, done: make(chan struct{})}
			s.next++
			s.pending[key] = a
			mine = append(mine, i)
		}
		allocs[i] = a
	}
	overtaken := s.finished != finished
	s.mu.Unlock()

	err := s.write(target, identities, mine, allocs, overtaken)
	s.mu.Lock()
	s.finished++
	for _, i := range mine {
		allocs[i].err = err
		delete(s.pending, fileKey{target, identities[i]})
		close(allocs[i].done)
	}
	s.mu.Unlock()
	for _, i := range wait {
		<-allocs[i].done
		if err == nil {
			err = allocs[i].err
		}
	}
	for i, a := range allocs {
		out[i] = a.id
	}
	return err
}

// write makes the allocations durable. overtaken: between the caller's look at the index and its entry in pending somebody
// else has finished, perhaps with an identity of ours, which then keeps the id it has.
func (s *ids) write(target uint32, identities []origin.ID, mine []int, allocs map[int]*allocation, overtaken bool) error {
	changes := make([]Change, 0, 2*len(mine))
	for _, i := range mine {
		key := identityKey('o', target, identities[i])
		if overtaken {
			if v, err := s.kv.Get(key); err != nil {
				return err
			} else if len(v) == 8 {
				allocs[i].id = binary.BigEndian.Uint64(v)
				continue
			}
		}
		id := allocs[i].id
		changes = append(changes,
			Change{key, binary.BigEndian.AppendUint64(nil, id)},
			Change{inodeKey('i', id), append(binary.BigEndian.AppendUint32(nil, target), identities[i]...)})
	}
	return s.kv.Apply(changes, true)
}

// bind gives an inode that was made here the identity that its file has got. It is durable once the caller has made
// something durable after it, in the index or in the log, whose replay calls it again.
func (s *ids) bind(inode uint64, key fileKey) error {
	return s.kv.Apply([]Change{
		{identityKey('o', key.target, key.id), binary.BigEndian.AppendUint64(nil, inode)},
		{inodeKey('i', inode), append(binary.BigEndian.AppendUint32(nil, key.target), key.id...)},
	}, false)
}

// ensure keeps at least n ids reserved.
func (s *ids) ensure(n uint64) error {
	s.reserved.Lock()
	defer s.reserved.Unlock()
	s.mu.Lock()
	enough, limit := s.next+n+1024 < s.limit, s.limit
	s.mu.Unlock()
	if enough {
		return nil
	}
	limit += reserve + n
	err := s.kv.Apply([]Change{{metaKey("nextInode"), binary.BigEndian.AppendUint64(nil, limit)}}, true)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.limit = limit
	s.mu.Unlock()
	return nil
}

// identityOf returns what an inode id stands for; fault.NotFound when it was dropped.
func (s *ids) identityOf(inode uint64) (fileKey, error) {
	v, err := s.kv.Get(inodeKey('i', inode))
	if err != nil {
		return fileKey{}, err
	}
	if len(v) < 4 {
		return fileKey{}, fault.New(fault.NotFound, "inode %d is not known", inode)
	}
	return fileKey{binary.BigEndian.Uint32(v), origin.ID(v[4:])}, nil
}

// drop forgets an inode that the origin says is gone.
func (s *ids) drop(inode uint64, key fileKey) error {
	return s.kv.Apply([]Change{
		{Key: inodeKey('i', inode)}, {Key: identityKey('o', key.target, key.id)}, {Key: identityKey('p', key.target, key.id)},
		{Key: inodeKey('d', inode)}, {Key: inodeKey('r', inode)}, {Key: inodeKey('x', inode)}, {Key: inodeKey('v', inode)},
	}, false)
}

// generation returns a number for a data file, never given before.
func (s *ids) generation() (uint64, error) {
	for {
		s.mu.Lock()
		if s.next < s.limit {
			id := s.next
			s.next++
			s.mu.Unlock()
			return id, nil
		}
		s.mu.Unlock()
		if err := s.ensure(1); err != nil {
			return 0, err
		}
	}
}
