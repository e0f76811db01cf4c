package provider

import (
	"context"
	"sync"
)

// Names is a lock for each name. The zero value is ready.
type Names struct {
	mu   sync.Mutex
	held map[string]chan struct{} // guarded by mu; closed when the name is free
}

// Lock waits for a name; the caller calls unlock once.
func (l *Names) Lock(ctx context.Context, name string) (unlock func(), err error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		l.mu.Lock()
		held, taken := l.held[name]
		if !taken {
			if l.held == nil {
				l.held = map[string]chan struct{}{}
			}
			free := make(chan struct{})
			l.held[name] = free
			l.mu.Unlock()
			return func() { l.unlock(name, free) }, nil
		}
		l.mu.Unlock()
		select {
		case <-held:
		case <-ctx.Done():
		}
	}
}

func (l *Names) unlock(name string, free chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, name)
	close(free)
}
