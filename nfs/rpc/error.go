package rpc

import (
	"errors"
	"fmt"
)

// AcceptStat says whether a server could run a call that it accepted (RFC 5531 §9).
type AcceptStat uint32

// The outcomes of an accepted call.
const (
	Success      AcceptStat = 0
	ProgUnavail  AcceptStat = 1
	ProgMismatch AcceptStat = 2
	ProcUnavail  AcceptStat = 3
	GarbageArgs  AcceptStat = 4
	SystemErr    AcceptStat = 5
)

// String returns the outcome in words.
func (s AcceptStat) String() string {
	switch s {
	case Success:
		return "success"
	case ProgUnavail:
		return "program unavailable"
	case ProgMismatch:
		return "program version not supported"
	case ProcUnavail:
		return "procedure unavailable"
	case GarbageArgs:
		return "arguments not understood"
	case SystemErr:
		return "system error"
	}
	return fmt.Sprintf("accept_stat %d", uint32(s))
}

// AuthStat says why a credential was refused (RFC 5531 §9).
type AuthStat uint32

// Some reasons.
const (
	AuthOK           AuthStat = 0
	AuthBadCred      AuthStat = 1
	AuthRejectedCred AuthStat = 2
	AuthBadVerf      AuthStat = 3
	AuthRejectedVerf AuthStat = 4
	AuthTooWeak      AuthStat = 5
)

// Error is a server's refusal to run a call: nothing has been done.
type Error struct {
	Denied    bool       // the call was denied, either for Auth or, if that is AuthOK, for its RPC version
	Auth      AuthStat   // why, if denied
	Accept    AcceptStat // why, if not denied
	Low, High uint32     // the versions that the server has, with ProgMismatch or a denied RPC version
}

// Error says what the server refused.
func (e *Error) Error() string {
	switch {
	case e.Denied && e.Auth != AuthOK:
		return fmt.Sprintf("rpc: credential refused (auth_stat %d)", uint32(e.Auth))
	case e.Denied:
		return fmt.Sprintf("rpc: RPC version refused, the server has %d to %d", e.Low, e.High)
	case e.Accept == ProgMismatch:
		return fmt.Sprintf("rpc: %v, the server has %d to %d", e.Accept, e.Low, e.High)
	}
	return "rpc: " + e.Accept.String()
}

// Errors of connections and calls.
var (
	ErrRecordSize   = errors.New("rpc: record over the limit")
	ErrMalformed    = errors.New("rpc: malformed message")
	ErrServerClosed = errors.New("rpc: server closed")
	ErrClientClosed = errors.New("rpc: client closed")
	ErrTimeout      = errors.New("rpc: no answer from the server")
	ErrShortFile    = errors.New("rpc: a file is shorter than what was promised of it")
)
