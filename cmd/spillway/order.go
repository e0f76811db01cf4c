package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/frames"
)

// JobOrderCmd changes the order of a job's tasks.
type JobOrderCmd struct {
	ID    string `arg:"" help:"The job."`
	Order string `arg:"" help:"ascending, descending, middle-out, binary, every:N, or frames as DIALECT:LIST, such as deadline:1-100x10,1-100."`
	Step  string `help:"Of this step alone. Default: of all that it fits."`
}

// Run changes the order.
func (c *JobOrderCmd) Run(ctx context.Context, g *Globals) error {
	o, err := parseOrder(c.Order)
	if err != nil {
		return err
	}
	remote, err := g.remote()
	if err != nil {
		return err
	}
	defer remote.Close()
	job, err := remote.Find(ctx, c.ID)
	if err != nil {
		return err
	}
	if job, err = remote.Order(ctx, job.ID, restv1.OrderChange{Step: c.Step, Order: o}); err != nil {
		return err
	}
	if g.JSON {
		return g.print(job)
	}
	_, err = fmt.Fprintf(g.Out, "%s is ordered anew; what runs goes on\n", job.ID)
	return err
}

// parseOrder reads an order as it is written on the command line.
func parseOrder(text string) (restv1.Order, error) {
	word, rest, cut := strings.Cut(text, ":")
	switch {
	case text == "middle-out":
		return restv1.Order{By: "middleOut"}, nil
	case text == "ascending", text == "descending", text == "binary":
		return restv1.Order{By: text}, nil
	case !cut:
		err := fault.New(fault.Invalid, "%q is no order", text)
		return restv1.Order{}, fault.WithHint(err, "there are ascending, descending, middle-out, binary, every:N and DIALECT:LIST")
	case word == "every":
		n, err := strconv.ParseInt(rest, 10, 64)
		if err != nil || n < 1 {
			return restv1.Order{}, fault.New(fault.Invalid, "every:%s is not every:N with a number of tasks", rest)
		}
		return restv1.Order{Every: n}, nil
	}
	_, err := frames.Parse(word, rest)
	return restv1.Order{Dialect: word, Frames: rest}, err
}

// setFrames sets a submission's frames, and their order if it is not by number.
func setFrames(s *restv1.Submission, parameter, text string) error {
	dialect, list, ok := strings.Cut(text, ":")
	if !ok {
		err := fault.New(fault.Invalid, "--frames %s names no dialect", text)
		return fault.WithHint(err, "write DIALECT:LIST, such as deadline:1-100x5; there are %s", strings.Join(frames.Dialects(), ", "))
	}
	parsed, err := frames.Parse(dialect, list)
	if err != nil {
		return err
	}
	if s.Parameters == nil {
		s.Parameters = map[string]string{}
	}
	if s.Parameters[parameter] != "" {
		return fault.New(fault.Invalid, "%s is given by -p and by --frames", parameter)
	}
	s.Parameters[parameter] = parsed.Range()
	if !parsed.Ascending() {
		s.Order = &restv1.Order{Dialect: dialect, Frames: list}
	}
	return nil
}
