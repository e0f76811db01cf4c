package blob

import (
	"context"
	"strings"
	"sync"
)

// claims lets changes of different keys run side by side and those of the same key one after the other. A claim on a key
// that ends in "/" is on all below it too.
type claims struct {
	mu   sync.Mutex
	held map[*[]string]struct{} // mu guards held and free
	free chan struct{}          // closed and replaced at each release
}

func newClaims() *claims {
	return &claims{held: map[*[]string]struct{}{}, free: make(chan struct{})}
}

// take waits until nobody else holds any of the keys, and takes them all at once.
func (c *claims) take(ctx context.Context, keys ...string) (release func(), err error) {
	for {
		c.mu.Lock()
		if !c.taken(keys) {
			mine := &keys
			c.held[mine] = struct{}{}
			c.mu.Unlock()
			return func() { c.release(mine) }, nil
		}
		free := c.free
		c.mu.Unlock()
		select {
		case <-free:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (c *claims) taken(keys []string) bool {
	for other := range c.held {
		for _, a := range *other {
			for _, b := range keys {
				if covers(a, b) || covers(b, a) {
					return true
				}
			}
		}
	}
	return false
}

func covers(a, b string) bool {
	return a == b || (a == "" || strings.HasSuffix(a, "/")) && strings.HasPrefix(b, a)
}

func (c *claims) release(mine *[]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.held, mine)
	close(c.free)
	c.free = make(chan struct{})
}
