package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/fault"
)

const (
	// silence is how long a stream may say nothing before it counts as broken; the server sends a beat every ten seconds.
	silence = 35 * time.Second
	// maxLine bounds a line of the event stream.
	maxLine = 1 << 20
	// awayFor is how long a stream tries to come back.
	awayFor = 2 * time.Minute
)

// ErrGap says that events after the cursor are forgotten: what was derived from them must be loaded anew.
var ErrGap = errors.New("events are missing")

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// Events calls fn for each event after the one numbered after, until fn or the context ends it; it comes back by itself
// when the line breaks. A nil after starts with the newest `last` events. fn's error is returned as it is.
func (c *Client) Events(ctx context.Context, after *uint64, last int, fn func(restv1.Event) error) error {
	broken := time.Time{}
	for {
		q := query("last", last)
		if after != nil {
			q = url.Values{"after": {strconv.FormatUint(*after, 10)}}
		}
		err := c.events(ctx, q, func(e restv1.Event) error {
			after, broken = &e.Seq, time.Time{}
			return fn(e)
		})
		var own *callbackError
		switch {
		case errors.As(err, &own):
			return own.err
		case ctx.Err() != nil:
			return ctx.Err()
		case fault.KindOf(err) != fault.Unavailable:
			return err
		case broken.IsZero():
			broken = time.Now()
		case time.Since(broken) > awayFor:
			return err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

type callbackError struct{ err error }

func (e *callbackError) Error() string { return e.err.Error() }

// events reads one connection's worth of events. A stream that ends is Unavailable.
func (c *Client) events(ctx context.Context, q url.Values, fn func(restv1.Event) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := c.request(ctx, http.MethodGet, "/events", q, nil)
	if err != nil {
		return err
	}
	resp, err := c.send(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	quiet := time.AfterFunc(silence, cancel)
	defer quiet.Stop()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 0, 4096), maxLine)
	name, data := "", ""
	for lines.Scan() {
		quiet.Reset(silence)
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case lines.Text() != "":
			switch field {
			case "event":
				name = value
			case "data":
				data = value
			}
			continue
		case name == "reset":
			return &callbackError{ErrGap}
		case name == "" && data != "":
			var e restv1.Event
			if err := json.Unmarshal([]byte(data), &e); err != nil {
				return fault.Wrap(fault.Internal, err, "an event that cannot be read")
			}
			if err := fn(e); err != nil {
				return &callbackError{err}
			}
		}
		name, data = "", ""
	}
	return fault.Wrap(fault.Unavailable, orEOF(lines.Err()), "the event stream broke off")
}

// CopyLog writes an attempt's output from a byte offset on (negative: from the end) to w. With follow it goes on until the
// attempt has ended, also over breaks of the line.
func (c *Client) CopyLog(ctx context.Context, w io.Writer, attempt string, offset int64, follow bool) error {
	broken := time.Time{}
	for {
		at, n, err := c.copyLog(ctx, w, attempt, offset, follow)
		if n > 0 {
			broken = time.Time{}
		}
		if at >= 0 {
			offset = at + n
		}
		var own *callbackError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &own):
			return own.err
		case ctx.Err() != nil:
			return ctx.Err()
		case fault.KindOf(err) != fault.Unavailable:
			return err
		case broken.IsZero():
			broken = time.Now()
		case time.Since(broken) > awayFor:
			return err
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// copyLog copies one connection's worth of log; it returns where that began (-1: nowhere) and how much came.
func (c *Client) copyLog(ctx context.Context, w io.Writer, attempt string, offset int64, follow bool) (at, n int64, err error) {
	q := query("offset", offset, "follow", follow)
	req, err := c.request(ctx, http.MethodGet, "/attempts/"+url.PathEscape(attempt)+"/log", q, nil)
	if err != nil {
		return -1, 0, err
	}
	resp, err := c.send(req)
	if err != nil {
		return -1, 0, err
	}
	defer resp.Body.Close()
	if at, err = strconv.ParseInt(resp.Header.Get("Spillway-Log-Offset"), 10, 64); err != nil {
		return -1, 0, fault.New(fault.Internal, "the server does not say where the log begins")
	}
	out := &markedWriter{w: w}
	n, err = io.Copy(out, resp.Body)
	if out.err != nil {
		return at, n, &callbackError{fmt.Errorf("write the log: %w", out.err)}
	}
	if err != nil {
		return at, n, fault.Wrap(fault.Unavailable, err, "the log broke off")
	}
	return at, n, nil
}

// markedWriter remembers its own error, to tell it from the reader's.
type markedWriter struct {
	w   io.Writer
	err error
}

func (m *markedWriter) Write(p []byte) (int, error) {
	n, err := m.w.Write(p)
	if err != nil {
		m.err = err
	}
	return n, err
}

func orEOF(err error) error {
	if err == nil {
		return io.EOF
	}
	return err
}
