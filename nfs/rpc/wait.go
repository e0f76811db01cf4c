package rpc

import "context"

// callContext is the context that a call is served with. It lives with the Call and is used again with it, by the same
// connection only: it never changes, because a timer of a context derived from it may still look at it when the call has
// ended.
type callContext struct {
	context.Context
	call *Call
}

type callKey struct{}

// Value also knows the call.
func (c *callContext) Value(key any) any {
	if key == (callKey{}) {
		return c.call
	}
	return c.Context.Value(key)
}

// Wait announces that the call which is served with ctx is about to wait for something: a disk, another server, another
// call. Quick procedures (see Program) must announce it, so that the other calls of their connection go on meanwhile.
// Only the goroutine that serves the call may do so, and only before Serve has returned. Repeating it costs nothing, as
// does a context that is no call's.
func Wait(ctx context.Context) {
	if call, ok := ctx.Value(callKey{}).(*Call); ok {
		call.wait()
	}
}

// wait passes the lead of the connection on, if this call has it.
func (c *Call) wait() {
	if !c.leads {
		return
	}
	c.leads = false
	// What has been answered already must not wait with this call. If the connection ends meanwhile, the next leader
	// notices.
	c.conn.flush()
	_ = c.conn.admit(c)
	c.conn.hand(nil)
}
