package main

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/autoscale"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/scale"
	"github.com/spillway/spillway/internal/textview"
)

// PoolAutoscaleCmd holds the commands for formulas.
type PoolAutoscaleCmd struct {
	Evaluate PoolAutoscaleEvaluateCmd `cmd:"" help:"Evaluate a formula, changing nothing."`
	Samples  PoolAutoscaleSamplesCmd  `cmd:"" help:"Print the samples that a pool's formula sees, for evaluate --samples."`
}

// PoolAutoscaleEvaluateCmd evaluates a formula.
type PoolAutoscaleEvaluateCmd struct {
	Pool    string `arg:"" optional:"" help:"The pool. Without one the formula is evaluated here, without a server."`
	Formula string `short:"f" placeholder:"FILE" help:"A formula instead of the pool's own; - is standard input."`
	Samples string `short:"s" placeholder:"FILE" help:"Samples instead of the pool's own, as 'pool autoscale samples' prints them. The newest is taken to be of now."`
	Target  int    `placeholder:"N" help:"Without a pool: the number of nodes that is wanted until now."`
	Spot    bool   `help:"Without a pool: its nodes are spot nodes."`
}

// Run evaluates. A formula that is wrong, or fails, is an error.
func (c *PoolAutoscaleEvaluateCmd) Run(ctx context.Context, g *Globals) error {
	request := restv1.AutoscaleRequest{}
	if c.Formula != "" {
		text, err := readText(c.Formula)
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "--formula")
		}
		if request.Formula = text; text == "" {
			return fault.New(fault.Invalid, "--formula: %s is empty", c.Formula)
		}
	}
	if c.Samples != "" {
		samples, err := readSamples(c.Samples)
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "--samples")
		}
		request.Samples = samples
	}
	run, err := c.evaluate(ctx, g, request)
	if err != nil {
		return err
	}
	for _, w := range run.Warnings {
		_, _ = io.WriteString(g.Err, "warning: "+mistake(w)+"\n")
	}
	if g.JSON {
		if err := g.print(run); err != nil {
			return err
		}
	} else if run.Error == nil {
		if err := textview.AutoscaleRun(g.Out, run); err != nil {
			return err
		}
	}
	if run.Error != nil {
		lines := make([]string, len(run.Mistakes))
		for i, m := range run.Mistakes {
			lines[i] = mistake(m)
		}
		return fault.New(fault.Invalid, "the formula cannot be evaluated\n%s", strings.Join(lines, "\n"))
	}
	return nil
}

func (c *PoolAutoscaleEvaluateCmd) evaluate(ctx context.Context, g *Globals, r restv1.AutoscaleRequest) (restv1.AutoscaleRun, error) {
	if c.Pool == "" {
		return c.local(r)
	}
	if c.Target != 0 || c.Spot {
		return restv1.AutoscaleRun{}, fault.New(fault.Invalid, "--target and --spot go without a pool: the server knows them of %s", c.Pool)
	}
	remote, err := g.remote()
	if err != nil {
		return restv1.AutoscaleRun{}, err
	}
	defer remote.Close()
	return remote.EvaluateAutoscale(ctx, c.Pool, r)
}

// local evaluates without a server.
func (c *PoolAutoscaleEvaluateCmd) local(r restv1.AutoscaleRequest) (restv1.AutoscaleRun, error) {
	if r.Formula == "" {
		return restv1.AutoscaleRun{}, fault.New(fault.Invalid, "name a pool, or a formula with --formula")
	}
	if c.Target < 0 {
		return restv1.AutoscaleRun{}, fault.New(fault.Invalid, "--target: %d nodes are wanted", c.Target)
	}
	recorded := make([]autoscale.Measurement, len(r.Samples))
	for i, m := range r.Samples {
		recorded[i] = autoscale.Measurement(m)
	}
	samples := autoscale.FromRecording(recorded)
	now := time.Now()
	if newest := samples.Newest(); !newest.IsZero() {
		now = newest
	}
	f, err := autoscale.Parse(r.Formula)
	if err != nil {
		return scale.Wrong(now, c.Target, c.Spot, err).Wire(), nil
	}
	return scale.Evaluate(now, f, samples, c.Target, 0, math.MaxInt, c.Spot).Wire(), nil
}

// mistake writes what is wrong in a formula, with the line and the caret.
func mistake(m restv1.AutoscaleMistake) string {
	e := autoscale.Error{Line: m.Line, Column: m.Column, Message: m.Message, Hint: m.Hint}
	return e.Error() + "\n" + m.Excerpt
}

func readText(file string) (string, error) {
	var data []byte
	var err error
	if file == "-" {
		data, err = io.ReadAll(io.LimitReader(os.Stdin, 1<<20))
	} else {
		data, err = os.ReadFile(file)
	}
	return string(data), err
}

func readSamples(file string) ([]restv1.AutoscaleSample, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	recorded, err := autoscale.ReadRecording(f)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, file)
	}
	if len(recorded) == 0 {
		return nil, fault.New(fault.Invalid, "%s holds no samples", file)
	}
	out := make([]restv1.AutoscaleSample, len(recorded))
	for i, m := range recorded {
		out[i] = restv1.AutoscaleSample(m)
	}
	return out, nil
}

// PoolAutoscaleSamplesCmd prints samples.
type PoolAutoscaleSamplesCmd struct {
	Pool string `arg:"" help:"The pool."`
}

// Run prints one measurement a line, as JSON.
func (c *PoolAutoscaleSamplesCmd) Run(ctx context.Context, g *Globals) error {
	remote, err := g.remote()
	if err != nil {
		return err
	}
	defer remote.Close()
	samples, err := remote.AutoscaleSamples(ctx, c.Pool)
	if err != nil {
		return err
	}
	e := json.NewEncoder(g.Out)
	for _, s := range samples {
		if err := e.Encode(s); err != nil {
			return err
		}
	}
	return nil
}
