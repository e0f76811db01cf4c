package supervise

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// Client is an agent's connection to a supervisor.
type Client struct {
	conn net.Conn
	in   *bufio.Scanner

	mu sync.Mutex // guards writing
}

// Dial connects to the supervisor of the session in dir. If there is none, the error is fault.Unavailable.
func Dial(dir string) (*Client, error) {
	conn, err := dial(dir)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "reach the supervisor")
	}
	return &Client{conn: conn, in: lines(conn)}, nil
}

// Send sends a command; its Version is set here. Safe for concurrent use.
func (c *Client) Send(command Command) error {
	command.Version = Version
	data, err := json.Marshal(command)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "encode a command")
	}
	if len(data) >= MaxLine {
		return fault.New(fault.Invalid, "a command of %d bytes is too long", len(data))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.conn.SetWriteDeadline(time.Now().Add(10 * time.Second))
	_, err = c.conn.Write(append(data, '\n'))
	return fault.Wrap(fault.Unavailable, err, "send to the supervisor")
}

// Next waits for a message. io.EOF says that the supervisor has closed the connection or is gone.
func (c *Client) Next() (Message, error) {
	if !c.in.Scan() {
		if err := c.in.Err(); err != nil {
			return Message{}, fault.Wrap(fault.Unavailable, err, "read from the supervisor")
		}
		return Message{}, io.EOF
	}
	return ParseMessage(c.in.Bytes())
}

// Close ends the connection; the session goes on. It makes Next return.
func (c *Client) Close() error { return c.conn.Close() }

// Spawn starts the supervisor of the session in dir: command and dir as its last argument, in a session of its own, with
// the environment env. It does not wait until the supervisor listens.
func Spawn(command []string, dir string, env []string) error {
	log, err := os.OpenFile(filepath.Join(dir, LogFile), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fault.Wrap(fault.Exhausted, err, "start a supervisor")
	}
	defer log.Close()
	cmd := exec.Command(command[0], append(command[1:len(command):len(command)], dir)...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = env, "/", log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fault.Wrap(fault.Internal, err, "start a supervisor")
	}
	go func() { _ = cmd.Wait() }() // so that it leaves no zombie
	return nil
}
