package blob

import (
	"context"
	"sync"
)

// heads remembers descriptions of objects, so that a listing whose ETags have not changed asks for none of them again.
type heads struct {
	mu  sync.Mutex
	of  map[string]Object // mu guards it
	max int
}

func newHeads() *heads { return &heads{of: map[string]Object{}, max: 1 << 16} }

func (h *heads) put(obj Object) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.of) >= h.max {
		for key := range h.of { // any one
			delete(h.of, key)
			break
		}
	}
	h.of[obj.Key] = obj
}

func (h *heads) drop(key string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.of, key)
}

// match returns the description of the version that a listing showed.
func (h *heads) match(seen *Object) (Object, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	obj, ok := h.of[seen.Key]
	if !ok || obj.ETag != seen.ETag || obj.Size != seen.Size {
		return Object{}, false
	}
	if obj.Modified.IsZero() { // written by us, and now we know when by the store's clock
		obj.Modified = seen.Modified
		h.of[seen.Key] = obj
	}
	// Some stores say the time finer in a listing than in a description.
	return obj, obj.Modified.Unix() == seen.Modified.Unix()
}

// head describes the object at key as it is now.
func (o *Origin) head(ctx context.Context, key string) (Object, error) {
	obj, err := o.store.Head(ctx, key)
	if err != nil {
		o.heads.drop(key)
		return obj, err
	}
	o.heads.put(obj)
	return obj, nil
}

// describe completes what a listing showed.
func (o *Origin) describe(ctx context.Context, seen *Object) (Object, error) {
	if seen.HasProps {
		return *seen, nil
	}
	if obj, ok := o.heads.match(seen); ok {
		return obj, nil
	}
	return o.head(ctx, seen.Key)
}
