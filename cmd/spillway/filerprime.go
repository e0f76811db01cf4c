package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"connectrpc.com/connect"

	filerv1 "github.com/spillway/spillway/api/spillway/filer/v1"
	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/filer"
)

// FilerPrimeCmd looks after priming jobs.
type FilerPrimeCmd struct {
	Start  PrimeStartCmd  `cmd:"" help:"Start a job and follow it."`
	List   PrimeListCmd   `cmd:"" help:"List jobs and their progress."`
	Follow PrimeFollowCmd `cmd:"" help:"Follow a job until it is complete or paused."`
	Pause  PrimePauseCmd  `cmd:"" help:"Pause a job. What it has loaded stays."`
	Resume PrimeResumeCmd `cmd:"" help:"Resume a paused job. It loads what is missing."`
	Stop   PrimeStopCmd   `cmd:"" help:"End a job. What it has loaded stays."`
	Delete PrimeDeleteCmd `cmd:"" help:"End a job and forget it."`
}

// localFiler says which filer of this machine is meant.
type localFiler struct {
	CacheDir string `type:"path" placeholder:"DIR" env:"SPILLWAY_CACHE_DIR" help:"The filer's cache directory."`
	Config   string `type:"path" placeholder:"FILE" help:"The filer's configuration file, in place of --cache-dir."`
}

// dir returns the filer's cache directory.
func (l *localFiler) dir() (string, error) {
	if l.CacheDir != "" {
		return l.CacheDir, nil
	}
	if l.Config == "" {
		return "", fault.WithHint(fault.New(fault.Invalid, "which filer?"), "give --cache-dir or --config as the filer got it")
	}
	data, err := os.ReadFile(l.Config)
	if err != nil {
		return "", fault.Wrap(fault.Invalid, err, "configuration")
	}
	var file filer.File
	if err := config.Decode(l.Config, data, &file); err != nil {
		return "", err
	}
	if file.CacheDir == "" {
		return "", fault.New(fault.Invalid, "%s has no cacheDir", l.Config)
	}
	return file.CacheDir, nil
}

// primeCalls are the calls about priming to the filer of a cache directory.
type primeCalls struct {
	dir string
}

func (p primeCalls) start(ctx context.Context, m *filerv1.StartPrimingRequest) (*filerv1.PrimingJob, error) {
	client, done := filer.DialLocal(p.dir)
	defer done()
	res, err := client.StartPriming(ctx, connect.NewRequest(m))
	if err != nil {
		return nil, filer.LocalError(p.dir, err)
	}
	return res.Msg, nil
}

func (p primeCalls) list(ctx context.Context) ([]*filerv1.PrimingJob, error) {
	client, done := filer.DialLocal(p.dir)
	defer done()
	res, err := client.ListPriming(ctx, connect.NewRequest(&filerv1.ListPrimingRequest{}))
	if err != nil {
		return nil, filer.LocalError(p.dir, err)
	}
	return res.Msg.Jobs, nil
}

func (p primeCalls) change(ctx context.Context, name string, action filerv1.ChangePrimingRequest_Action) (*filerv1.PrimingJob, error) {
	client, done := filer.DialLocal(p.dir)
	defer done()
	res, err := client.ChangePriming(ctx, connect.NewRequest(&filerv1.ChangePrimingRequest{Name: name, Action: action}))
	if err != nil {
		return nil, filer.LocalError(p.dir, err)
	}
	return res.Msg, nil
}

// find returns one job.
func (p primeCalls) find(ctx context.Context, name string) (*filerv1.PrimingJob, error) {
	all, err := p.list(ctx)
	if err != nil {
		return nil, err
	}
	for _, job := range all {
		if job.Name == name {
			return job, nil
		}
	}
	return nil, fault.WithHint(fault.New(fault.NotFound, "there is no priming job %q", name), "see: spillway filer prime list")
}

// PrimeStartCmd starts a job.
type PrimeStartCmd struct {
	localFiler
	Name     string      `arg:"" help:"The job's name, unique at the filer."`
	Manifest string      `arg:"" placeholder:"FILE|URL|-" help:"Manifest (JSON), or a list of paths, one a line."`
	Rate     config.Rate `placeholder:"RATE" help:"The most it may fetch, such as 500Mbit/s."`
	Detach   bool        `short:"d" help:"Don't follow the job."`
}

// Run starts a job and follows it.
func (c *PrimeStartCmd) Run(ctx context.Context, g *Globals) error {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	text, err := readManifest(ctx, c.Manifest)
	if err != nil {
		return err
	}
	calls := primeCalls{dir}
	job, err := calls.start(ctx, &filerv1.StartPrimingRequest{
		Name: c.Name, Source: manifestName(c.Manifest), Manifest: text, BytesPerSecond: uint64(c.Rate) / 8,
	})
	if err != nil {
		return err
	}
	if c.Detach {
		return printJob(g, job)
	}
	return followPriming(ctx, g, calls, c.Name)
}

// manifestName is what messages call a manifest: never the signature of a URL.
func manifestName(from string) string {
	if from == "-" {
		return "stdin"
	}
	name, _, _ := strings.Cut(from, "?")
	return name
}

// maxManifest is the longest manifest read, in bytes.
const maxManifest = 4 << 20

// readManifest reads a file, "-" for the standard input, or an https URL, once.
func readManifest(ctx context.Context, from string) ([]byte, error) {
	var in io.ReadCloser
	switch {
	case from == "-":
		in = io.NopCloser(os.Stdin)
	case strings.HasPrefix(from, "https://"):
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
		if err != nil {
			return nil, fault.New(fault.Invalid, "%s is no URL", manifestName(from))
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, fault.New(fault.Unavailable, "%s cannot be read", manifestName(from)) // the cause would show the signature
		}
		if in = res.Body; res.StatusCode != http.StatusOK {
			in.Close()
			return nil, fault.New(fault.Unavailable, "%s: %s", manifestName(from), res.Status)
		}
	default:
		f, err := os.Open(from)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "manifest")
		}
		in = f
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxManifest+1))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, manifestName(from))
	}
	if len(text) > maxManifest {
		return nil, fault.New(fault.Invalid, "%s is longer than %d MiB", manifestName(from), maxManifest>>20)
	}
	return bytes.ToValidUTF8(text, nil), nil
}

// followEvery is how often a followed job is looked at.
const followEvery = 500 * time.Millisecond

// followPriming shows a job's progress until it is complete or paused.
func followPriming(ctx context.Context, g *Globals, calls primeCalls, name string) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	shown := false
	for {
		job, err := calls.find(ctx, name)
		if err != nil {
			return err
		}
		over := job.State == "Complete" || job.State == "Paused"
		if g.terminal() && !g.JSON {
			fmt.Fprintf(g.Out, "\r\033[K%s", progressOf(job))
			if shown = true; over {
				fmt.Fprintln(g.Out)
			}
		}
		if over {
			if err := endOf(g, job, shown); err != nil {
				return err
			}
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if shown {
				fmt.Fprintln(g.Out)
			}
			fmt.Fprintf(g.Err, "the job goes on; stop it with: spillway filer prime stop %s\n", name)
			return nil
		}
	}
}

// endOf prints a job that is over, and makes an error of one that failed.
func endOf(g *Globals, job *filerv1.PrimingJob, shown bool) error {
	switch {
	case g.JSON:
		if err := printJob(g, job); err != nil {
			return err
		}
	case !shown:
		fmt.Fprintln(g.Out, progressOf(job))
	}
	if !g.JSON {
		for _, e := range job.Progress.GetErrors() {
			fmt.Fprintf(g.Err, "  %s: %s\n", e.Path, e.Message)
		}
	}
	if job.State == "Complete" && job.Status != "done" && job.Status != "stopped" {
		return fault.New(fault.Unavailable, "priming %s: %s", job.Name, job.Status)
	}
	return nil
}

// progressOf says on one line how far a job is.
func progressOf(job *filerv1.PrimingJob) string {
	p := job.Progress
	s := fmt.Sprintf("%s  %s  %d of %d files, %s of %s, %s fetched", job.Name, stateOf(job), p.GetFilesDone(), p.GetFilesTotal(),
		config.Bytes(p.GetBytesDone()), config.Bytes(p.GetBytesTotal()), config.Bytes(p.GetBytesFetched()))
	if job.Mode == "estimate" {
		s = fmt.Sprintf("%s  %s  %d files in %d folders, %s", job.Name, stateOf(job), p.GetFilesTotal(), p.GetDirectories(), config.Bytes(p.GetBytesTotal()))
	}
	if n := len(p.GetErrors()); n > 0 {
		s += fmt.Sprintf(", %d failed", n)
	}
	return s
}

func stateOf(job *filerv1.PrimingJob) string {
	if job.Status != "" {
		return job.State + " (" + job.Status + ")"
	}
	return job.State
}

// primeJobJSON is a job as --json shows it.
type primeJobJSON struct {
	Name           string           `json:"name"`
	Source         string           `json:"source"`
	State          string           `json:"state"`
	Status         string           `json:"status,omitempty"`
	Mode           string           `json:"mode"`
	BytesPerSecond uint64           `json:"bytesPerSecond,omitempty"`
	Created        time.Time        `json:"created"`
	Started        *time.Time       `json:"started,omitempty"`
	Ended          *time.Time       `json:"ended,omitempty"`
	FilesTotal     uint64           `json:"filesTotal"`
	FilesDone      uint64           `json:"filesDone"`
	Directories    uint64           `json:"directories"`
	Skipped        uint64           `json:"skipped"`
	BytesTotal     uint64           `json:"bytesTotal"`
	BytesDone      uint64           `json:"bytesDone"`
	BytesFetched   uint64           `json:"bytesFetched"`
	Errors         []primeErrorJSON `json:"errors,omitempty"`
}

type primeErrorJSON struct {
	Path    string `json:"path"`
	Kind    string `json:"kind"`
	Message string `json:"message"`
}

func jobJSON(job *filerv1.PrimingJob) primeJobJSON {
	p := job.Progress
	out := primeJobJSON{
		Name: job.Name, Source: job.Source, State: job.State, Status: job.Status, Mode: job.Mode, BytesPerSecond: job.BytesPerSecond,
		Created: job.Created.AsTime(), FilesTotal: p.GetFilesTotal(), FilesDone: p.GetFilesDone(), Directories: p.GetDirectories(),
		Skipped: p.GetSkipped(), BytesTotal: p.GetBytesTotal(), BytesDone: p.GetBytesDone(), BytesFetched: p.GetBytesFetched(),
	}
	if job.Started != nil {
		t := job.Started.AsTime()
		out.Started = &t
	}
	if job.Ended != nil {
		t := job.Ended.AsTime()
		out.Ended = &t
	}
	for _, e := range p.GetErrors() {
		out.Errors = append(out.Errors, primeErrorJSON{e.Path, e.Kind, e.Message})
	}
	return out
}

func printJob(g *Globals, job *filerv1.PrimingJob) error {
	if g.JSON {
		return g.print(jobJSON(job))
	}
	fmt.Fprintln(g.Out, progressOf(job))
	return nil
}

// PrimeListCmd lists jobs.
type PrimeListCmd struct{ localFiler }

// Run prints all jobs.
func (c *PrimeListCmd) Run(ctx context.Context, g *Globals) error {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	jobs, err := primeCalls{dir}.list(ctx)
	if err != nil {
		return err
	}
	if g.JSON {
		out := []primeJobJSON{}
		for _, j := range jobs {
			out = append(out, jobJSON(j))
		}
		return g.print(out)
	}
	w := tabwriter.NewWriter(g.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tSTATE\tMODE\tFILES\tBYTES\tFETCHED\tFAILED\tMANIFEST")
	for _, j := range jobs {
		p := j.Progress
		fmt.Fprintf(w, "%s\t%s\t%s\t%d/%d\t%s/%s\t%s\t%d\t%s\n", j.Name, stateOf(j), j.Mode, p.GetFilesDone(), p.GetFilesTotal(),
			config.Bytes(p.GetBytesDone()), config.Bytes(p.GetBytesTotal()), config.Bytes(p.GetBytesFetched()), len(p.GetErrors()), j.Source)
	}
	return w.Flush()
}

// namedJob is one job of a filer of this machine.
type namedJob struct {
	localFiler
	Name string `arg:"" help:"The job's name."`
}

func (c *namedJob) change(ctx context.Context, g *Globals, action filerv1.ChangePrimingRequest_Action) error {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	job, err := primeCalls{dir}.change(ctx, c.Name, action)
	if err != nil {
		return err
	}
	return printJob(g, job)
}

// PrimeFollowCmd follows a job.
type PrimeFollowCmd struct{ namedJob }

// Run shows progress until the job is over.
func (c *PrimeFollowCmd) Run(ctx context.Context, g *Globals) error {
	dir, err := c.dir()
	if err != nil {
		return err
	}
	return followPriming(ctx, g, primeCalls{dir}, c.Name)
}

// The commands that change a job.
type (
	PrimePauseCmd  struct{ namedJob }
	PrimeResumeCmd struct{ namedJob }
	PrimeStopCmd   struct{ namedJob }
	PrimeDeleteCmd struct{ namedJob }
)

// Run pauses the job.
func (c *PrimePauseCmd) Run(ctx context.Context, g *Globals) error {
	return c.change(ctx, g, filerv1.ChangePrimingRequest_ACTION_PAUSE)
}

// Run resumes the job.
func (c *PrimeResumeCmd) Run(ctx context.Context, g *Globals) error {
	return c.change(ctx, g, filerv1.ChangePrimingRequest_ACTION_RESUME)
}

// Run ends the job.
func (c *PrimeStopCmd) Run(ctx context.Context, g *Globals) error {
	return c.change(ctx, g, filerv1.ChangePrimingRequest_ACTION_STOP)
}

// Run ends the job and forgets it.
func (c *PrimeDeleteCmd) Run(ctx context.Context, g *Globals) error {
	return c.change(ctx, g, filerv1.ChangePrimingRequest_ACTION_DELETE)
}
