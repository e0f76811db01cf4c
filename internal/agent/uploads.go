package agent

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/api/spillway/agent/v1/agentv1connect"
)

// maxChunk is the most of a log that is sent at once. One chunk is on its way at a time, so that a gap can't arise: a
// break is resumed from where the server says it is.
const maxChunk = 256 << 10

// uploads sends the logs of attempts to the server, while they grow.
type uploads struct {
	log  *slog.Logger
	wake chan struct{}

	// mu guards what follows.
	mu   sync.Mutex
	logs map[string]*upload
}

// upload is how far one log has got.
type upload struct {
	path   string
	size   int64 // bytes that may be read
	stored int64 // bytes that the server has
	known  bool  // stored is what the server said, not a guess
	ended  bool  // size is final
	done   bool  // the server has all and knows that it is all
}

func newUploads(log *slog.Logger) *uploads {
	return &uploads{log: log, wake: make(chan struct{}, 1), logs: make(map[string]*upload)}
}

// follow starts to upload an attempt's log.
func (u *uploads) follow(attempt, path string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.logs[attempt] == nil {
		u.logs[attempt] = &upload{path: path}
	}
}

// grew says how much of a log may be read.
func (u *uploads) grew(attempt string, size int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if l := u.logs[attempt]; l != nil && size > l.size && !l.ended {
		l.size = size
		u.ring()
	}
}

// finish says that a log is complete.
func (u *uploads) finish(attempt string, size int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if l := u.logs[attempt]; l != nil {
		l.size, l.ended = size, true
		u.ring()
	}
}

func (u *uploads) drop(attempt string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.logs, attempt)
}

func (u *uploads) ring() {
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// run uploads until ctx ends, over one stream after another.
func (u *uploads) run(ctx context.Context, client agentv1connect.AgentServiceClient) {
	wait := newBackoff()
	for ctx.Err() == nil {
		if u.next() == nil {
			select {
			case <-ctx.Done():
				return
			case <-u.wake:
			}
			continue
		}
		sent, err := u.stream(ctx, client)
		if sent {
			wait = newBackoff()
		}
		if err != nil && ctx.Err() == nil {
			u.log.Debug("the upload of logs was interrupted", "error", err)
			if wait.pause(ctx) != nil {
				return
			}
		}
	}
}

// stream uploads over one stream until it breaks. sent says whether the server has answered at all.
func (u *uploads) stream(ctx context.Context, client agentv1connect.AgentServiceClient) (sent bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream := client.UploadLog(ctx)
	defer func() { _ = stream.CloseResponse() }()
	// While the request side is open the transport waits for more to send, and Receive with it, though ctx has ended.
	defer context.AfterFunc(ctx, func() { _ = stream.CloseRequest() })()
	u.doubt()
	for {
		chunk := u.next()
		if chunk == nil {
			select {
			case <-ctx.Done():
				return sent, nil
			case <-u.wake:
			}
			continue
		}
		if err := stream.Send(chunk); err != nil && !errors.Is(err, io.EOF) {
			return sent, err
		}
		ack, err := stream.Receive()
		if err != nil {
			return sent, err
		}
		sent = true
		u.acknowledge(chunk, ack)
	}
}

// doubt makes every log ask first how much the server has: another server may answer.
func (u *uploads) doubt() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, l := range u.logs {
		l.known = false
	}
}

// next returns the next chunk to send, or nil if the server has everything.
func (u *uploads) next() *agentv1.LogChunk {
	u.mu.Lock()
	defer u.mu.Unlock()
	for id, l := range u.logs {
		if l.done || l.stored >= l.size && !l.ended {
			continue
		}
		chunk, err := l.chunk(id)
		if err != nil {
			u.log.Error("a log cannot be read", "attempt", id, "error", err)
			l.done = true
			continue
		}
		return chunk
	}
	return nil
}

func (l *upload) chunk(id string) (*agentv1.LogChunk, error) {
	if !l.known {
		return &agentv1.LogChunk{Attempt: id, Offset: uint64(l.stored)}, nil
	}
	data := make([]byte, min(l.size-l.stored, maxChunk))
	if len(data) > 0 {
		f, err := os.Open(l.path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		if _, err := f.ReadAt(data, l.stored); err != nil {
			return nil, err
		}
	}
	end := l.stored + int64(len(data))
	return &agentv1.LogChunk{Attempt: id, Offset: uint64(l.stored), Data: data, Complete: l.ended && end == l.size}, nil
}

func (u *uploads) acknowledge(sent *agentv1.LogChunk, ack *agentv1.LogAck) {
	u.mu.Lock()
	defer u.mu.Unlock()
	l := u.logs[ack.Attempt]
	if l == nil {
		return
	}
	l.known = true
	l.stored = min(int64(ack.Stored), max(l.size, 0))
	if sent.Attempt == ack.Attempt && sent.Complete && l.stored == l.size {
		l.done = true
	}
}

// idle reports whether the server has every log that is complete.
func (u *uploads) idle() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, l := range u.logs {
		if !l.done {
			return false
		}
	}
	return true
}
