package nfs

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"
)

// ErrClientClosed is the error of calls on a closed Client.
var ErrClientClosed = errors.New("nfs: client closed")

// Options are the settings of a Client. A zero field takes the default in brackets.
type Options struct {
	Connections int                                                      // TCP connections (2)
	InFlight    int                                                      // calls in flight on one connection (128)
	Auth        *Auth                                                    // for calls that give none (AUTH_SYS of this process)
	Timeout     time.Duration                                            // Soft: after which a call fails with ErrTimeout. 0 is hard: calls wait and are sent again for ever
	MaxRecord   int                                                      // bytes of one reply (4 MiB)
	Dialer      func(ctx context.Context, addr string) (net.Conn, error) // (net.Dialer, TCP)
	Log         *slog.Logger                                             // of lost and new connections (discarded)
}

// ErrTimeout is the error of a soft client's call that got no answer in time. The call may still take effect.
var ErrTimeout = errors.New("nfs: no answer from the server")

// Client calls a server of NFSv3 and MOUNT. Its methods may be used concurrently. They return nil, a [Status] of the
// procedure (see [StatusOf]), a [rpc.Error] where the server refused the call itself, the context's error, ErrTimeout or
// ErrClientClosed. With a Status the result's fields that go with it are set. A nil auth stands for Options.Auth.
//
// A call whose connection is lost is sent again under its xid on a new connection, so a server may see it twice.
type Client struct{}

// Dial connects to a server. The context bounds connecting only; a client is ended by Close.
func Dial(ctx context.Context, addr string, opts Options) (*Client, error) {
	return nil, ErrClientClosed
}

// Close ends all calls with ErrClientClosed and closes the connections.
func (c *Client) Close() error { return nil }

// Null asks the server for a sign of life.
func (c *Client) Null(ctx context.Context) error { return ErrClientClosed }

// Mnt asks MOUNT for the handle of a path.
func (c *Client) Mnt(ctx context.Context, auth *Auth, path string) (MntResult, error) {
	return MntResult{}, ErrClientClosed
}

// Umnt tells MOUNT that a path is no longer mounted.
func (c *Client) Umnt(ctx context.Context, auth *Auth, path string) error { return ErrClientClosed }

// UmntAll tells MOUNT that nothing is mounted by this client any more.
func (c *Client) UmntAll(ctx context.Context, auth *Auth) error { return ErrClientClosed }

// Exports asks MOUNT what can be mounted.
func (c *Client) Exports(ctx context.Context, auth *Auth) ([]ExportEntry, error) {
	return nil, ErrClientClosed
}

// Mounts asks MOUNT for the mounts that it remembers.
func (c *Client) Mounts(ctx context.Context, auth *Auth) ([]MountEntry, error) {
	return nil, ErrClientClosed
}

// Read reads into buf: at most len(buf) bytes, whatever args.Count says. The result's Data is the filled part of buf.
func (c *Client) Read(ctx context.Context, auth *Auth, args ReadArgs, buf []byte) (ReadResult, error) {
	return ReadResult{}, ErrClientClosed
}
