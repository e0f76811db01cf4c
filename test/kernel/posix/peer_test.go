package posix

import (
	"bufio"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// request asks the other client for one operation.
type request struct {
	Op    string
	Path  string
	Data  []byte
	Size  int64 // or offset
	Count int
	Kind  int16 // of a lock
}

// answer is what came of it.
type answer struct {
	Errno syscall.Errno
	Error string // of what has no errno
	Data  []byte
	Size  int64
	Won   []int
}

// peer is the other client.
type peer struct {
	requests *json.Encoder
	answers  *json.Decoder
	idle     atomic.Bool // nothing has been asked that is not answered
}

// startPeer connects to the other client: on another machine if there is one, else a process of this one.
func startPeer(t *testing.T) *peer {
	t.Helper()
	at := os.Getenv("SPILLWAY_POSIX_PEER")
	if at == "" {
		at = spawnPeer(t)
	}
	conn := must(net.Dial("tcp", at))(t)
	t.Cleanup(func() { conn.Close() })
	return &peer{requests: json.NewEncoder(conn), answers: json.NewDecoder(conn)}
}

func spawnPeer(t *testing.T) string {
	t.Helper()
	cmd := exec.Command(must(os.Executable())(t))
	cmd.Env = append(os.Environ(), "SPILLWAY_POSIX_SERVE=127.0.0.1:0")
	cmd.Stderr = os.Stderr
	out := must(cmd.StdoutPipe())(t)
	check(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	line := must(bufio.NewReader(out).ReadString('\n'))(t)
	return strings.TrimSpace(line)
}

// do asks, and waits for the answer. An error that is not the file system's fails the test; one of the file system fails
// it unless the operation is about having one.
func (p *peer) do(t *testing.T, r request) answer {
	t.Helper()
	a := p.begin(t, r)(t)
	switch r.Op {
	case "stat", "lock", "flock":
	default:
		if a.Errno != 0 {
			t.Fatalf("the other client: %s %s: %v", r.Op, r.Path, a.Errno)
		}
	}
	return a
}

// begin asks, and returns a function that waits for the answer.
func (p *peer) begin(t *testing.T, r request) func(t *testing.T) answer {
	t.Helper()
	check(t, p.requests.Encode(r))
	p.idle.Store(false)
	done := make(chan error, 1)
	var a answer
	go func() {
		err := p.answers.Decode(&a)
		p.idle.Store(true)
		done <- err
	}()
	return func(t *testing.T) answer {
		t.Helper()
		check(t, <-done)
		if a.Error != "" {
			t.Fatalf("the other client: %s %s: %s", r.Op, r.Path, a.Error)
		}
		return a
	}
}

// finished reports whether the answer to what was asked last is here.
func (p *peer) finished() bool { return p.idle.Load() }
