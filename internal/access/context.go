package access

import "context"

// Deed is a change that a caller makes, as it is audited.
type Deed struct {
	Caller Caller
	Did    string // such as "queue set"
	On     string // the id of what was changed; empty: what the change made
	Detail string // what was asked for, as JSON
}

type (
	callerKey struct{}
	deedKey   struct{}
)

// WithCaller notes in a context who asks.
func WithCaller(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// CallerOf returns who asks, or nil: the server itself.
func CallerOf(ctx context.Context) *Caller {
	c, _ := ctx.Value(callerKey{}).(*Caller)
	return c
}

// WithDeed notes in a context what its caller is about to do.
func WithDeed(ctx context.Context, d Deed) context.Context {
	return context.WithValue(ctx, deedKey{}, d)
}

// DeedOf returns what the caller is about to do.
func DeedOf(ctx context.Context) (Deed, bool) {
	d, ok := ctx.Value(deedKey{}).(Deed)
	return d, ok
}
