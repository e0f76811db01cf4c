package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/fault"
)

const (
	prefix = "/api/v1"
	// answerWithin bounds one call that is not a stream.
	answerWithin = 60 * time.Second
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 256 << 20
	// tries bounds how often a call that may be repeated is made.
	tries = 5
	// firstPause is how long a repeated call waits before its second try; it doubles from there, with jitter.
	firstPause = 150 * time.Millisecond
)

// Config says where the server is and how to be let in.
type Config struct {
	Server string // base URL, such as https://farm:7410
	Token  string
	CA     string // PEM file of the farm's CA; empty: the system's CAs
}

// Client calls one server. It may be used by many goroutines.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// New checks the configuration; it does not call the server.
func New(c Config) (*Client, error) {
	base, err := url.Parse(c.Server)
	if err != nil || base.Host == "" || (base.Scheme != "https" && base.Scheme != "http") {
		return nil, fault.WithHint(fault.New(fault.Invalid, "%q is not the URL of a server", c.Server), "write it like https://farm:7410")
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = answerWithin
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "the farm's CA certificate")
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fault.New(fault.Invalid, "%s holds no PEM certificate", c.CA)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}
	}
	return &Client{base: base, token: c.Token, http: &http.Client{Transport: transport}}, nil
}

// Close lets idle connections go.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Server is the base URL.
func (c *Client) Server() string { return c.base.String() }

// call makes one API call and decodes the answer into out (nil: there is none). again says that it may be repeated.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, key string, in, out any, again bool) (int, error) {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return 0, err
		}
	}
	pause := firstPause
	for try := 1; ; try++ {
		status, err := c.once(ctx, method, path, query, key, body, out)
		if err == nil || !again || try == tries || fault.KindOf(err) != fault.Unavailable || ctx.Err() != nil {
			return status, err
		}
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
			return status, err
		}
		pause *= 2
	}
}

func (c *Client) once(ctx context.Context, method, path string, query url.Values, key string, body []byte, out any) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	req, err := c.request(ctx, method, path, query, body)
	if err != nil {
		return 0, err
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	resp, err := c.send(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if out == nil {
		return resp.StatusCode, nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(out); err != nil {
		return resp.StatusCode, fault.Wrap(fault.Unavailable, err, "the server's answer broke off")
	}
	return resp.StatusCode, nil
}

func (c *Client) request(ctx context.Context, method, path string, query url.Values, body []byte) (*http.Request, error) {
	u := c.base.JoinPath(prefix, path)
	u.RawQuery = query.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return req, nil
}

// send turns what goes wrong on the way, and problems, into classified errors. The caller closes the body.
func (c *Client) send(req *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, c.problem(resp)
}

// unreachable explains why no answer came.
func (c *Client) unreachable(err error) error {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	switch {
	case errors.Is(err, context.Canceled):
		return fault.Wrap(fault.Unavailable, context.Canceled, "stopped")
	case errors.As(err, &unknown):
		return fault.WithHint(fault.New(fault.Denied, "the certificate of %s is not signed by a CA that is known here", c.base.Host),
			"give the farm's CA with --ca FILE or SPILLWAY_CA")
	case errors.As(err, &name):
		return fault.WithHint(fault.New(fault.Denied, "the server's certificate is not for %s", c.base.Hostname()), "use the name the server was started with")
	}
	var op *url.Error
	if errors.As(err, &op) {
		err = op.Err // without the method and the URL
	}
	return fault.WithHint(fault.Wrap(fault.Unavailable, err, "no answer from "+c.base.String()),
		"is the server running, and is this its address? Set another with --server URL or SPILLWAY_SERVER")
}

// problem reads an RFC 9457 problem; something between here and the server may answer otherwise.
func (c *Client) problem(resp *http.Response) error {
	var p restv1.Problem
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if json.Unmarshal(text, &p) != nil || p.Code == "" {
		kind := fault.Internal
		switch {
		case resp.StatusCode >= 502 && resp.StatusCode <= 504:
			kind = fault.Unavailable
		case resp.StatusCode < 500:
			kind = fault.Invalid
		}
		return fault.WithHint(fault.New(kind, "%s answered %s", c.base.Host, resp.Status), "is this the address of a Spillway server?")
	}
	detail := p.Detail
	if len(p.Errors) > 1 {
		fields := make([]string, len(p.Errors))
		for i, e := range p.Errors {
			fields[i] = strings.TrimPrefix(e.Location+": "+e.Message, ": ")
		}
		detail = strings.Join(fields, "; ")
	}
	err := fault.New(fault.ParseKind(p.Code), "%s", detail)
	if resp.StatusCode == http.StatusUnauthorized {
		p.Hint = "give the token with --token or SPILLWAY_TOKEN; " + p.Hint
	}
	if p.Hint != "" {
		err = fault.WithHint(err, "%s", p.Hint)
	}
	return err
}

// query builds a query of the values that are not zero.
func query(pairs ...any) url.Values {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if v := fmt.Sprint(pairs[i+1]); v != "" && v != "false" && v != "0" {
			q.Set(pairs[i].(string), v)
		}
	}
	return q
}
