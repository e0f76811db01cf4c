package nodehelper

import (
	"context"
	"encoding/json"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/internal/fault"
)

// maxRequest bounds a request, in bytes.
const maxRequest = 16 << 20

// Serve is the helper process: one request from in, one answer to out. The error is only about those two.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	data, err := io.ReadAll(io.LimitReader(in, maxRequest))
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "read the request")
	}
	r, err := ParseRequest(data)
	var a Answer
	if err == nil {
		a, err = r.do(ctx)
	}
	if err != nil {
		a = Answer{Error: failureOf(err)}
	}
	return fault.Wrap(fault.Unavailable, json.NewEncoder(out).Encode(a), "write the answer")
}

// ParseRequest reads a request. Errors are fault.Invalid.
func ParseRequest(data []byte) (Request, error) {
	var r Request
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fault.Wrap(fault.Invalid, err, "request")
	}
	n := 0
	for _, set := range []bool{r.Mount != nil, r.Detach != nil, r.Probe != nil, r.Refresh != nil, r.Verify != nil} {
		if set {
			n++
		}
	}
	if n != 1 {
		return r, fault.New(fault.Invalid, "a request asks for one thing, this one for %d", n)
	}
	return r, nil
}

func (r Request) do(ctx context.Context) (Answer, error) {
	switch {
	case r.Mount != nil:
		m, err := r.Mount.do(ctx)
		return Answer{Mounted: m}, err
	case r.Detach != nil:
		return Answer{}, r.Detach.do()
	case r.Probe != nil:
		return Answer{}, r.Probe.do()
	case r.Refresh != nil:
		return Answer{}, r.Refresh.do(ctx)
	}
	v, err := r.Verify.do(ctx)
	return Answer{Verified: v}, err
}

// do looks at the directory itself, past any cache of names.
func (p *Probe) do() error {
	if p.Mount {
		mounted, err := isMounted(p.Dir)
		if err != nil {
			return err
		}
		if !mounted {
			return fault.New(fault.NotFound, "nothing is mounted at %s", p.Dir)
		}
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(p.Dir, &fs); err != nil {
		return fault.Wrap(fault.Unavailable, err, p.Dir)
	}
	info, err := os.Stat(p.Dir)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "storage")
	}
	if !info.IsDir() {
		return fault.New(fault.Invalid, "%s is no directory", p.Dir)
	}
	return nil
}
