// Package blobtest has a bucket in memory and the suite that every store must pass.
package blobtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin/blob"
)

// Memory is a bucket in memory. It holds conditions and limits strictly, and its ETags are never given twice, or follow
// from the content alone, as those of S3 do.
type Memory struct {
	// ContentTags makes ETags a function of the content.
	ContentTags bool
	// PageSize is the most keys in a page; 0: 1,000.
	PageSize int
	// MinPart is the least size of all parts of an upload but the last, in bytes; 0: 1 KiB.
	MinPart int64
	// PropsInLists puts properties into listings.
	PropsInLists bool
	// Before, if set, is asked before each call; an error is returned in its place. After is asked when the call has
	// taken effect: an error is a lost answer.
	Before, After func(call, key string) error

	mu      sync.Mutex
	objects map[string]stored // mu guards these
	uploads map[string]map[int][]byte
	last    int
	calls   map[string]int
}

type stored struct {
	obj  blob.Object
	data []byte
}

var _ blob.Store = (*Memory)(nil)

// NewMemory returns an empty bucket.
func NewMemory() *Memory {
	return &Memory{objects: map[string]stored{}, uploads: map[string]map[int][]byte{}, calls: map[string]int{}}
}

// Limits are small where that is harmless, so that tests meet them.
func (m *Memory) Limits() blob.Limits {
	page := m.PageSize
	if page == 0 {
		page = 1000
	}
	least := m.MinPart
	if least == 0 {
		least = 1 << 10
	}
	return blob.Limits{Key: 1024, Page: page, MinPart: least, Parts: 100}
}

// call runs fn under the lock, between the hooks.
func (m *Memory) call(ctx context.Context, name, key string, fn func() error) error {
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Unavailable, err, name)
	}
	if m.Before != nil {
		if err := m.Before(name, key); err != nil {
			return err
		}
	}
	if len(key) > 1024 || key == "" && name != "list" || strings.ContainsFunc(key, func(r rune) bool { return r < 0x20 || r == 0xfffd }) {
		return fault.New(fault.Invalid, "key %q", key)
	}
	m.mu.Lock()
	m.calls[name]++
	err := fn()
	m.mu.Unlock()
	if err == nil && m.After != nil {
		err = m.After(name, key)
	}
	return err
}

// Calls returns how often a call was made.
func (m *Memory) Calls(name string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls[name]
}

// Uploads returns how many uploads were begun and neither completed nor aborted.
func (m *Memory) Uploads() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.uploads)
}

// Keys returns all keys in order.
func (m *Memory) Keys() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.objects))
}

func (m *Memory) holdsLocked(key string, c blob.Cond) error {
	is, ok := m.objects[key]
	if c.Absent && ok || c.Match != "" && (!ok || is.obj.ETag != c.Match) {
		return blob.ErrPrecondition
	}
	return nil
}

func (m *Memory) storeLocked(key string, data []byte, p blob.Props, c blob.Cond) (blob.Object, error) {
	if err := m.holdsLocked(key, c); err != nil {
		return blob.Object{}, err
	}
	for name, value := range p.Meta {
		if name != strings.ToLower(name) || strings.ContainsFunc(name+value, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return blob.Object{}, fault.New(fault.Invalid, "metadata %q: %q", name, value)
		}
	}
	m.last++
	etag := fmt.Sprintf("v%d", m.last)
	if m.ContentTags {
		sum := sha256.Sum256(data)
		etag = hex.EncodeToString(sum[:16])
	}
	p.Meta = maps.Clone(p.Meta)
	obj := blob.Object{Key: key, Size: int64(len(data)), ETag: etag, Modified: time.Now().Truncate(time.Second), Props: p, HasProps: true}
	m.objects[key] = stored{obj, data}
	told := obj
	told.Modified = time.Time{}
	return told, nil
}

// Head describes an object.
func (m *Memory) Head(ctx context.Context, key string) (obj blob.Object, err error) {
	err = m.call(ctx, "head", key, func() error {
		is, ok := m.objects[key]
		if !ok {
			return blob.ErrNotFound
		}
		obj = is.obj
		return nil
	})
	return obj, err
}

// Get reads a range.
func (m *Memory) Get(ctx context.Context, key string, off, n int64, match string) (obj blob.Object, body io.ReadCloser, err error) {
	err = m.call(ctx, "get", key, func() error {
		is, ok := m.objects[key]
		switch {
		case !ok:
			return blob.ErrNotFound
		case match != "" && match != is.obj.ETag:
			return blob.ErrPrecondition
		case off >= is.obj.Size:
			return blob.ErrRange
		}
		obj, body = is.obj, io.NopCloser(bytes.NewReader(is.data[off:min(off+n, is.obj.Size)]))
		return nil
	})
	return obj, body, err
}

// Put replaces an object.
func (m *Memory) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, p blob.Props, c blob.Cond) (obj blob.Object, err error) {
	data, err := readExactly(body, size)
	if err != nil {
		return obj, err
	}
	err = m.call(ctx, "put", key, func() error {
		obj, err = m.storeLocked(key, data, p, c)
		return err
	})
	return obj, err
}

func readExactly(body io.Reader, size int64) ([]byte, error) {
	data, err := io.ReadAll(body)
	if err == nil && int64(len(data)) != size {
		err = fault.New(fault.Invalid, "a body of %d bytes, announced as %d", len(data), size)
	}
	return data, err
}

// Copy copies a version.
func (m *Memory) Copy(ctx context.Context, from blob.Object, to string, p blob.Props, c blob.Cond) (obj blob.Object, err error) {
	err = m.call(ctx, "copy", to, func() error {
		is, ok := m.objects[from.Key]
		switch {
		case !ok:
			return blob.ErrNotFound
		case is.obj.ETag != from.ETag:
			return blob.ErrPrecondition
		}
		obj, err = m.storeLocked(to, is.data, p, c)
		return err
	})
	return obj, err
}

// Delete removes a version.
func (m *Memory) Delete(ctx context.Context, key, match string) error {
	return m.call(ctx, "delete", key, func() error {
		is, ok := m.objects[key]
		if ok && match != "" && is.obj.ETag != match {
			return blob.ErrPrecondition
		}
		delete(m.objects, key)
		return nil
	})
}

// List lists keys.
func (m *Memory) List(ctx context.Context, q blob.Query) (l blob.Listing, err error) {
	err = m.call(ctx, "list", q.Prefix, func() error {
		most := m.Limits().Page
		if q.Max > 0 {
			most = min(most, q.Max)
		}
		n, folded := 0, ""
		for _, key := range slices.Sorted(maps.Keys(m.objects)) {
			rest, ok := strings.CutPrefix(key, q.Prefix)
			if !ok || folded != "" && strings.HasPrefix(key, folded) {
				continue
			}
			last := key
			cut := strings.IndexByte(rest, '/')
			if !q.Deep && cut >= 0 {
				last = q.Prefix + rest[:cut+1]
			}
			if last <= q.Token {
				continue
			}
			if n == most {
				return nil
			}
			if n++; n == most {
				l.Next = last
			}
			if last != key || !q.Deep && cut >= 0 {
				folded = last
				l.Prefixes = append(l.Prefixes, last)
				continue
			}
			obj := m.objects[key].obj
			if obj.HasProps = m.PropsInLists; !obj.HasProps {
				obj.Props = blob.Props{}
			}
			l.Objects = append(l.Objects, obj)
		}
		l.Next = ""
		return nil
	})
	return l, err
}

// Begin starts an upload.
func (m *Memory) Begin(ctx context.Context, key string, _ blob.Props) (id string, err error) {
	err = m.call(ctx, "begin", key, func() error {
		m.last++
		id = fmt.Sprintf("u%d", m.last)
		m.uploads[id] = map[int][]byte{}
		return nil
	})
	return id, err
}

// Part stores a part.
func (m *Memory) Part(ctx context.Context, key, id string, n int, body io.ReadSeeker, size int64) (tag string, err error) {
	data, err := readExactly(body, size)
	if err != nil {
		return "", err
	}
	err = m.call(ctx, "part", key, func() error {
		if m.uploads[id] == nil {
			return blob.ErrNotFound
		}
		m.uploads[id][n] = data
		tag = fmt.Sprintf("%s-%d", id, n)
		return nil
	})
	return tag, err
}

// Complete makes the object.
func (m *Memory) Complete(ctx context.Context, key, id string, tags []string, p blob.Props, c blob.Cond) (obj blob.Object, err error) {
	err = m.call(ctx, "complete", key, func() error {
		parts := m.uploads[id]
		if parts == nil {
			return blob.ErrNotFound
		}
		var data []byte
		for i := range tags {
			part, ok := parts[i+1]
			if !ok || tags[i] != fmt.Sprintf("%s-%d", id, i+1) {
				return fault.New(fault.Invalid, "part %d is not there", i+1)
			}
			if i < len(tags)-1 && int64(len(part)) < m.Limits().MinPart {
				return fault.New(fault.Invalid, "part %d is too small", i+1)
			}
			data = append(data, part...)
		}
		if obj, err = m.storeLocked(key, data, p, c); err == nil {
			delete(m.uploads, id)
		}
		return err
	})
	return obj, err
}

// Abort forgets an upload.
func (m *Memory) Abort(ctx context.Context, key, id string) error {
	return m.call(ctx, "abort", key, func() error {
		delete(m.uploads, id)
		return nil
	})
}
