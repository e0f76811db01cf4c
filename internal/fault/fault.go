// Package fault classifies errors.
//
// An error that crosses a room's border carries a Kind. Edges map the Kind once: to an NFS status, an HTTP problem, a
// connect code or an exit status. A user sees Message and Hint; the whole chain goes to the log.
package fault

import (
	"context"
	"errors"
	"fmt"
)

// Kind says what sort of failure an error is, and so who can do something about it.
type Kind uint8

// The kinds. Their names go over the wire.
const (
	Internal    Kind = iota // a defect, or a failure nobody foresaw
	Invalid                 // the request is wrong; repeating it will not help
	NotFound                // the thing does not exist
	Conflict                // the thing is in a state that forbids this, or exists already
	Exhausted               // a limit, quota or disk is full
	Unavailable             // a part is away; repeating later may help
	Denied                  // the caller may not
)

var kindNames = [...]string{"internal", "invalid", "not_found", "conflict", "exhausted", "unavailable", "denied"}

// String returns the wire name: internal, invalid, not_found, conflict, exhausted, unavailable or denied.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[Internal]
}

// ParseKind is the inverse of String; an unknown name is Internal.
func ParseKind(name string) Kind {
	for i, n := range kindNames {
		if n == name {
			return Kind(i)
		}
	}
	return Internal
}

// Error is a classified error.
type Error struct {
	Kind    Kind
	Message string // one sentence, lower case, no full stop: what is wrong
	Hint    string // what to do next; may be empty
	Err     error  // the cause; may be nil
}

// Error returns the message and its causes.
func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return e.Message
	case e.Message == "":
		return e.Err.Error()
	}
	return e.Message + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// New returns an error of the kind. The format may use %w, whose operand becomes the cause.
func New(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// Wrap classifies err and puts a message before it. A nil err stays nil.
func Wrap(kind Kind, err error, message string) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: kind, Message: message, Err: err}
}

// WithHint adds what to do next. A nil err stays nil.
func WithHint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: KindOf(err), Hint: fmt.Sprintf(format, args...), Err: err}
}

// KindOf returns the kind of the outermost classified error in the chain. A deadline or cancellation is Unavailable;
// everything else unclassified is Internal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return Unavailable
	}
	return Internal
}

// HintOf returns the outermost hint in the chain, or "".
func HintOf(err error) string {
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return ""
		}
		if e.Hint != "" {
			return e.Hint
		}
		err = e.Err
	}
	return ""
}
