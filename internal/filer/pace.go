package filer

import (
	"context"
	"sync"
	"time"
)

// pace spaces bytes out in time.
type pace struct {
	perSecond uint64 // 0: no limit

	mu   sync.Mutex
	next time.Time // when the next bytes may go
}

func newPace(perSecond uint64) *pace { return &pace{perSecond: perSecond} }

// wait returns when n bytes may go, or with ctx's error.
func (p *pace) wait(ctx context.Context, n uint64) error {
	if p.perSecond == 0 {
		return nil
	}
	p.mu.Lock()
	at := time.Now()
	if p.next.After(at) {
		at = p.next
	}
	p.next = at.Add(time.Duration(float64(n) / float64(p.perSecond) * float64(time.Second)))
	p.mu.Unlock()
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
