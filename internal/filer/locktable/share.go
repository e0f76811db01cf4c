package locktable

import "slices"

// Sharing is a set of accesses to a file.
type Sharing uint32

// The accesses.
const (
	Read  Sharing = 1
	Write Sharing = 2
)

// Share is a share reservation: what its owner does with the whole file, and what others may not do meanwhile.
type Share struct {
	Owner  Owner
	Access Sharing
	Deny   Sharing
}

// Share takes a reservation, in place of the owner's former one, unless another one and it deny each other.
func (t *Table) Share(id uint64, s Share) (bool, error) {
	f := t.file(id)
	defer t.tidy(id)
	at := -1
	for i, o := range f.shares {
		switch {
		case o.Owner == s.Owner:
			at = i
		case o.Access&s.Deny != 0 || o.Deny&s.Access != 0:
			return false, nil
		}
	}
	if at >= 0 {
		f.shares[at] = s
		return true, nil
	}
	if t.total >= MaxLocks || t.counts[s.Owner.Client] >= MaxClientLocks {
		return false, ErrFull
	}
	f.shares = append(f.shares, s)
	t.count(s.Owner.Client, 1)
	return true, nil
}

// Unshare gives a reservation back; false if there was none.
func (t *Table) Unshare(id uint64, o Owner) bool {
	f := t.files[id]
	if f == nil {
		return false
	}
	n := len(f.shares)
	f.shares = slices.DeleteFunc(f.shares, func(s Share) bool { return s.Owner == o })
	gone := n - len(f.shares)
	t.count(o.Client, -gone)
	t.tidy(id)
	return gone > 0
}

func (t *Table) dropShares(f *file, client Client) {
	f.shares = slices.DeleteFunc(f.shares, func(s Share) bool {
		if s.Owner.Client != client {
			return false
		}
		t.count(client, -1)
		return true
	})
}
