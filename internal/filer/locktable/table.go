package locktable

import (
	"errors"
	"slices"
)

// Errors of Claim.
var (
	ErrDeadlock = errors.New("locktable: everybody would wait for somebody")
	ErrFull     = errors.New("locktable: too many locks")
)

// Limits of a table.
const (
	MaxLocks       = 1 << 20 // held and claimed in all
	MaxClientLocks = 1 << 16 // of one client
)

// Claim is a lock on its way.
type Claim struct {
	File    uint64
	Lock    Lock
	waiting bool
	ended   bool // settled or withdrawn
}

// Waiting says whether the claim is queued behind somebody's lock.
func (c *Claim) Waiting() bool { return c.waiting }

// Ended says whether the claim has been settled or withdrawn, or dropped with its owner.
func (c *Claim) Ended() bool { return c.ended }

// Table holds the locks of all files.
type Table struct {
	files   map[uint64]*file
	waiting map[Owner][]*Claim // queued claims, to find circles
	counts  map[Client]int     // locks, claims and shares
	total   int
}

type file struct {
	held   map[Owner][]Lock // sorted, disjoint, never empty
	claims []*Claim         // in their order of arrival
	shares []Share
}

// New returns an empty table.
func New() *Table {
	return &Table{files: map[uint64]*file{}, waiting: map[Owner][]*Claim{}, counts: map[Client]int{}}
}

// Len returns how many locks, claims and share reservations there are.
func (t *Table) Len() int { return t.total }

// Has says whether a client has any lock, claim or share reservation.
func (t *Table) Has(c Client) bool { return t.counts[c] > 0 }

func (t *Table) count(c Client, n int) {
	t.total += n
	if t.counts[c] += n; t.counts[c] == 0 {
		delete(t.counts, c)
	}
}

func (t *Table) file(id uint64) *file {
	f := t.files[id]
	if f == nil {
		f = &file{held: map[Owner][]Lock{}}
		t.files[id] = f
	}
	return f
}

// tidy forgets a file of which nothing is left.
func (t *Table) tidy(id uint64) {
	if f := t.files[id]; f != nil && len(f.held)+len(f.claims)+len(f.shares) == 0 {
		delete(t.files, id)
	}
}

// set replaces an owner's locks of a file.
func (t *Table) set(f *file, o Owner, locks []Lock) {
	t.count(o.Client, len(locks)-len(f.held[o]))
	if len(locks) == 0 {
		delete(f.held, o)
	} else {
		f.held[o] = locks
	}
}

// inTheWay returns a lock that is held, or about to be, and bars l; nil if there is none.
func (f *file) inTheWay(l *Lock) *Lock {
	var found *Lock
	f.eachBar(l, func(b *Lock) bool { found = b; return false })
	return found
}

// eachBar calls fn for what bars l until it returns false.
func (f *file) eachBar(l *Lock, fn func(*Lock) bool) {
	for o, held := range f.held {
		if o == l.Owner {
			continue
		}
		for i := range held {
			if held[i].bars(l) && !fn(&held[i]) {
				return
			}
		}
	}
	for _, c := range f.claims {
		if !c.waiting && c.Lock.bars(l) && !fn(&c.Lock) {
			return
		}
	}
}

// Test returns a lock that bars l, or nil.
func (t *Table) Test(id uint64, l Lock) *Lock {
	f := t.files[id]
	if f == nil {
		return nil
	}
	if b := f.inTheWay(&l); b != nil {
		out := *b
		return &out
	}
	return nil
}

// Claim begins to take a lock. If another is in the way, the claim is queued if wait says so, else that other lock comes
// back. A claim repeated while it stands is the same claim. The errors are ErrDeadlock and ErrFull.
func (t *Table) Claim(id uint64, l Lock, wait bool) (c *Claim, bar *Lock, err error) {
	if c := t.Find(id, l); c != nil && (wait || !c.waiting) {
		return c, nil, nil
	}
	bar = t.Test(id, l)
	if bar != nil && !wait {
		return nil, bar, nil
	}
	if t.total >= MaxLocks || t.counts[l.Owner.Client] >= MaxClientLocks {
		return nil, bar, ErrFull
	}
	if bar != nil && t.circular(id, &l) {
		return nil, bar, ErrDeadlock
	}
	f := t.file(id)
	c = &Claim{File: id, Lock: l, waiting: bar != nil}
	f.claims = append(f.claims, c)
	t.count(l.Owner.Client, 1)
	if c.waiting {
		t.waiting[l.Owner] = append(t.waiting[l.Owner], c)
	}
	return c, bar, nil
}

// Find returns the standing claim for just this lock, or nil.
func (t *Table) Find(id uint64, l Lock) *Claim {
	if f := t.files[id]; f != nil {
		for _, c := range f.claims {
			if c.Lock == l {
				return c
			}
		}
	}
	return nil
}

// circular says whether l's owner would wait for somebody who waits, perhaps through others, for l's owner.
func (t *Table) circular(id uint64, l *Lock) bool {
	seen := map[Owner]bool{}
	var reaches func(id uint64, l *Lock, who Owner) bool
	reaches = func(id uint64, l *Lock, who Owner) (found bool) {
		t.files[id].eachBar(l, func(b *Lock) bool {
			switch {
			case b.Owner == who:
				found = true
			case !seen[b.Owner]:
				seen[b.Owner] = true
				for _, c := range t.waiting[b.Owner] {
					if found = found || reaches(c.File, &c.Lock, who); found {
						break
					}
				}
			}
			return !found
		})
		return found
	}
	return reaches(id, l, l.Owner)
}

// Settle makes a ready claim a lock, in place of what its owner held in the range, and returns the claims that have become
// ready by that: an exclusive lock may have become shared.
func (t *Table) Settle(c *Claim) []*Claim {
	if c.ended || c.waiting {
		return nil
	}
	f := t.files[c.File]
	t.remove(f, c)
	t.set(f, c.Lock.Owner, with(f.held[c.Lock.Owner], c.Lock))
	return t.promote(f)
}

// Withdraw ends a claim, whether it waits or is ready, and returns the claims that have become ready by that.
func (t *Table) Withdraw(c *Claim) []*Claim {
	if c.ended {
		return nil
	}
	f := t.files[c.File]
	t.remove(f, c)
	ready := t.promote(f)
	t.tidy(c.File)
	return ready
}

// remove takes a claim out of its file.
func (t *Table) remove(f *file, c *Claim) {
	f.claims = slices.DeleteFunc(f.claims, func(o *Claim) bool { return o == c })
	c.ended = true
	t.count(c.Lock.Owner.Client, -1)
	t.arrived(c)
}

// arrived takes a claim out of those that wait.
func (t *Table) arrived(c *Claim) {
	if !c.waiting {
		return
	}
	c.waiting = false
	left := slices.DeleteFunc(t.waiting[c.Lock.Owner], func(o *Claim) bool { return o == c })
	if len(left) == 0 {
		delete(t.waiting, c.Lock.Owner)
	} else {
		t.waiting[c.Lock.Owner] = left
	}
}

// promote makes queued claims ready that nothing bars any more, in their order of arrival, and returns them.
func (t *Table) promote(f *file) (ready []*Claim) {
	for _, c := range f.claims {
		if c.waiting && f.inTheWay(&c.Lock) == nil {
			t.arrived(c)
			ready = append(ready, c)
		}
	}
	return ready
}

// Unlock gives back what an owner holds in a range. It says whether that was anything, and returns the claims that have
// become ready.
func (t *Table) Unlock(id uint64, o Owner, r Range) (released bool, ready []*Claim) {
	f := t.files[id]
	if f == nil {
		return false, nil
	}
	held := f.held[o]
	if !slices.ContainsFunc(held, func(l Lock) bool { return l.Range.overlaps(r) }) {
		return false, nil
	}
	t.set(f, o, without(held, r))
	ready = t.promote(f)
	t.tidy(id)
	return true, ready
}

// Held returns an owner's locks of a file, sorted and disjoint.
func (t *Table) Held(id uint64, o Owner) []Lock {
	if f := t.files[id]; f != nil {
		return slices.Clone(f.held[o])
	}
	return nil
}

// Involves says whether an owner has a lock or a claim in a file.
func (t *Table) Involves(id uint64, o Owner) bool {
	f := t.files[id]
	return f != nil && (len(f.held[o]) > 0 || slices.ContainsFunc(f.claims, func(c *Claim) bool { return c.Lock.Owner == o }))
}

// Arriving says whether an owner has a claim that is ready and overlaps a range: it is about to be held.
func (t *Table) Arriving(id uint64, o Owner, r Range) bool {
	f := t.files[id]
	return f != nil && slices.ContainsFunc(f.claims, func(c *Claim) bool {
		return !c.waiting && c.Lock.Owner == o && c.Lock.Range.overlaps(r)
	})
}

// Dropped is what Drop has taken from one owner in one file.
type Dropped struct {
	File  uint64
	Owner Owner
}

// Drop ends all locks, claims and share reservations of a client. It returns where it had locks or claims and which
// claims have become ready.
func (t *Table) Drop(client Client) (dropped []Dropped, ready []*Claim) {
	if !t.Has(client) {
		return nil, nil
	}
	for id, f := range t.files {
		n := len(dropped)
		owners := map[Owner]bool{}
		for o := range f.held {
			if o.Client == client {
				owners[o] = true
				t.set(f, o, nil)
			}
		}
		for _, c := range slices.Clone(f.claims) {
			if c.Lock.Owner.Client == client {
				owners[c.Lock.Owner] = true
				t.remove(f, c)
			}
		}
		for o := range owners {
			dropped = append(dropped, Dropped{id, o})
		}
		t.dropShares(f, client)
		if len(dropped) > n {
			ready = append(ready, t.promote(f)...)
		}
		t.tidy(id)
	}
	return dropped, ready
}

// Each calls fn for every lock that is held, in no order.
func (t *Table) Each(fn func(file uint64, l Lock)) {
	for id, f := range t.files {
		for _, held := range f.held {
			for _, l := range held {
				fn(id, l)
			}
		}
	}
}
