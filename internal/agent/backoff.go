package agent

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff is a growing pause between attempts, with jitter so that a thousand nodes do not come back at once.
type backoff struct {
	next time.Duration
}

const (
	firstPause   = 200 * time.Millisecond
	longestPause = 15 * time.Second
)

func newBackoff() *backoff { return &backoff{firstPause} }

// pause waits; the error is the context's.
func (b *backoff) pause(ctx context.Context) error {
	d := b.next/2 + rand.N(b.next/2)
	b.next = min(2*b.next, longestPause)
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
