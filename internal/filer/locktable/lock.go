package locktable

// Client is a host, in whatever way the table's user tells hosts apart.
type Client string

// Owner is who holds locks: a process, or whatever a host says it is.
type Owner struct {
	Client Client
	SVID   int32
	Handle string // opaque
}

// Range is the bytes from First to Last, both included. Last 1<<64-1 is the end of the file, wherever that is.
type Range struct{ First, Last uint64 }

// End is the Last of a range that goes to the end of the file.
const End = 1<<64 - 1

func (r Range) overlaps(o Range) bool { return r.First <= o.Last && o.First <= r.Last }

// Lock is a lock, held or wanted.
type Lock struct {
	Owner     Owner
	Range     Range
	Exclusive bool
}

// bars says whether two locks cannot be held at the same time.
func (l *Lock) bars(o *Lock) bool {
	return l.Owner != o.Owner && (l.Exclusive || o.Exclusive) && l.Range.overlaps(o.Range)
}

// without returns one owner's locks, sorted and disjoint, less a range.
func without(held []Lock, r Range) []Lock {
	var out []Lock
	for _, l := range held {
		if !l.Range.overlaps(r) {
			out = append(out, l)
			continue
		}
		if l.Range.First < r.First {
			left := l
			left.Range.Last = r.First - 1
			out = append(out, left)
		}
		if l.Range.Last > r.Last {
			right := l
			right.Range.First = r.Last + 1
			out = append(out, right)
		}
	}
	return out
}

// with returns one owner's locks, sorted and disjoint, with a lock in place of what was in its range; neighbours of the
// same kind become one.
func with(held []Lock, add Lock) []Lock {
	var out []Lock
	put := func(l Lock) {
		if n := len(out); n > 0 {
			if last := &out[n-1]; last.Exclusive == l.Exclusive && last.Range.Last != End && last.Range.Last+1 == l.Range.First {
				last.Range.Last = l.Range.Last
				return
			}
		}
		out = append(out, l)
	}
	placed := false
	for _, l := range without(held, add.Range) {
		if !placed && l.Range.First > add.Range.First {
			put(add)
			placed = true
		}
		put(l)
	}
	if !placed {
		put(add)
	}
	return out
}
