package origin

import (
	"cmp"
	"context"
	"hash/fnv"
	"slices"
	"sync"
	"time"

	"github.com/spillway/spillway/nfs"
)

// Sorted lists directories of a storage whose own cookies do not last: it reads a directory whole and orders its names by
// a hash of each, which is the cookie. So a cookie means the same place after insertions, deletions and restart; the price
// is that the first page waits for the storage's last.
type Sorted struct {
	read func(ctx context.Context, as Cred, dir ID, at Cookie, plus bool) (Page, error)

	mu   sync.Mutex
	kept map[ID]*sortedListing // mu guards it
}

// sortedListing is a directory as it was. It is never changed.
type sortedListing struct {
	entries []DirEntry
	plus    bool
	dir     nfs.OptAttr
	made    time.Time
}

const (
	sortedPage = 1024        // entries
	sortedAge  = time.Minute // how long a listing answers continuing pages
	sortedKept = 64          // listings
)

// NewSorted wraps a function that reads a page, with cookies that need to be good only while one reading goes on.
func NewSorted(read func(ctx context.Context, as Cred, dir ID, at Cookie, plus bool) (Page, error)) *Sorted {
	return &Sorted{read: read, kept: map[ID]*sortedListing{}}
}

// ReadDir is that of Directories.
func (s *Sorted) ReadDir(ctx context.Context, as Cred, dir ID, at Cookie, plus bool) (Page, error) {
	l := s.get(dir)
	if at.At == 0 || l == nil || plus && !l.plus || time.Since(l.made) > sortedAge {
		var err error
		if l, err = s.list(ctx, as, dir, plus); err != nil {
			return Page{}, err
		}
		s.keep(dir, l)
	}
	i, found := slices.BinarySearchFunc(l.entries, at.At, func(e DirEntry, c uint64) int { return cmp.Compare(e.Cookie, c) })
	if found {
		i++
	}
	rest := l.entries[i:]
	page := Page{Entries: rest[:min(len(rest), sortedPage)], EOF: len(rest) <= sortedPage, Dir: l.dir, Next: at}
	if n := len(page.Entries); n > 0 {
		page.Next.At = page.Entries[n-1].Cookie
	}
	return page, nil
}

func (s *Sorted) get(dir ID) *sortedListing {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept[dir]
}

func (s *Sorted) keep(dir ID, l *sortedListing) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept[dir] == nil && len(s.kept) >= sortedKept {
		for old := range s.kept { // any one
			delete(s.kept, old)
			break
		}
	}
	s.kept[dir] = l
}

// list reads the directory whole. Its attributes are given only if they were the same all the time.
func (s *Sorted) list(ctx context.Context, as Cred, dir ID, plus bool) (*sortedListing, error) {
	l := &sortedListing{plus: plus, made: time.Now()}
	var at Cookie
	for first := true; ; first = false {
		p, err := s.read(ctx, as, dir, at, plus)
		if err != nil {
			return nil, err
		}
		if first {
			l.dir = p.Dir
		}
		l.dir.Present = l.dir.Present && p.Dir.Present && p.Dir.Attr.Pre() == l.dir.Attr.Pre()
		l.entries = append(l.entries, p.Entries...)
		if p.EOF {
			break
		}
		if len(p.Entries) == 0 && p.Next == at {
			return nil, nfs.ErrServerFault
		}
		at = p.Next
	}
	for i := range l.entries {
		l.entries[i].Cookie = hashCookie(l.entries[i].Name)
	}
	slices.SortFunc(l.entries, func(a, b DirEntry) int {
		return cmp.Or(cmp.Compare(a.Cookie, b.Cookie), cmp.Compare(a.Name, b.Name))
	})
	for i := 1; i < len(l.entries); i++ { // move colliding cookies apart
		l.entries[i].Cookie = max(l.entries[i].Cookie, l.entries[i-1].Cookie+1)
	}
	return l, nil
}

// hashCookie hashes a name into 62 bits that are not all zero: clients take cookies as signed.
func hashCookie(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	v := h.Sum64()
	v ^= v >> 29 // FNV leaves the last character in the low bits
	v *= 0xbf58476d1ce4e5b9
	v ^= v >> 32
	return v>>2 | 1<<4
}
