// Command spillway is every part of a hybrid render farm: the server, the node agent, the filers, the mount, and the
// command line that people use.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/lmittmann/tint"
	"golang.org/x/term"

	"github.com/spillway/spillway/internal/fault"
)

// cli is the whole command line; each command stands in a file of its own.
type cli struct {
	Globals

	Audit      AuditCmd      `cmd:"" help:"See who changed what."`
	Budget     BudgetCmd     `cmd:"" help:"Bound what rented nodes cost."`
	Usage      UsageCmd      `cmd:"" help:"See who used what, and what it cost."`
	User       UserCmd       `cmd:"" help:"Decide who may do what, and make API tokens."`
	Agent      AgentCmd      `cmd:"" help:"Run a node: join the farm and render what the server orders."`
	Demo       DemoCmd       `cmd:"" help:"Render a real shot on a small hybrid farm on this machine."`
	Filer      FilerCmd      `cmd:"" help:"Export storage to nodes, cached on a local disk."`
	Job        JobCmd        `cmd:"" help:"Submit jobs and look after them."`
	Task       TaskCmd       `cmd:"" help:"Skip or requeue tasks."`
	Limit      LimitCmd      `cmd:"" help:"Set limits, such as licences, and see who takes of them."`
	Node       NodeCmd       `cmd:"" help:"Look after nodes."`
	Pool       PoolCmd       `cmd:"" help:"Look after elastic pools."`
	Queue      QueueCmd      `cmd:"" help:"Share the farm among queues of jobs."`
	Completion CompletionCmd `cmd:"" help:"Print a script that completes commands in your shell."`
	Mount      MountCmd      `cmd:"" help:"Mount an export of a filer through FUSE."`
	Openjd     OpenjdCmd     `cmd:"" name:"openjd" help:"Work on Open Job Description templates without a server."`
	Server     ServerCmd     `cmd:"" name:"server" help:"Run the control plane: scheduler, burst planner, API and web page."`
	Version    VersionCmd    `cmd:"" help:"Print the version."`
	Token      TokenCmd      `cmd:"" help:"Make tokens with which nodes and filers join the farm."`
	Supervise  SuperviseCmd  `cmd:"" hidden:"" help:"Run one session; agents start it."`
	NodeHelper NodeHelperCmd `cmd:"" hidden:"" name:"node-helper" help:"Do one thing that may hang with the storage; agents start it."`
	Wan        WanCmd        `cmd:"" help:"Emulate a wide-area link on this machine."`
}

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run executes one command line and returns its exit status: 0 done, 1 failed, 2 wrong usage or wrong input.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()

	if len(args) == 0 {
		args = []string{"--help"}
	}
	var c cli
	exit := -1
	parser, err := kong.New(&c,
		kong.Name("spillway"),
		kong.Description("Hybrid burst rendering: render on your own machines, spill over into rented ones, keep every file on your NAS."),
		kong.UsageOnError(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
		kong.Writers(out, errOut),
		kong.Exit(func(code int) { exit = code }),
		kong.BindTo(ctx, (*context.Context)(nil)),
	)
	if err != nil {
		fmt.Fprintln(errOut, "spillway:", err)
		return 1
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 { // --help
		return exit
	}
	if err != nil {
		var wrong *kong.ParseError
		if errors.As(err, &wrong) {
			fmt.Fprintf(errOut, "spillway: %v\n  see: spillway %s--help\n", err, commandOf(wrong.Context))
		} else {
			fmt.Fprintln(errOut, "spillway:", err)
		}
		return 2
	}
	c.Out, c.Err, c.Log = out, errOut, newLogger(errOut, c.Verbose)
	if err := parsed.Run(&c.Globals); err != nil {
		return report(errOut, err)
	}
	return 0
}

// report prints an error the way users see it and returns the exit status for it.
func report(w io.Writer, err error) int {
	fmt.Fprintln(w, "spillway:", err)
	if hint := fault.HintOf(err); hint != "" {
		fmt.Fprintln(w, "  "+hint)
	}
	if fault.KindOf(err) == fault.Invalid {
		return 2
	}
	return 1
}

func commandOf(c *kong.Context) string {
	if c == nil || c.Command() == "" {
		return ""
	}
	return c.Command() + " "
}

func newLogger(w io.Writer, verbose bool) *slog.Logger {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return slog.New(tint.NewTextHandler(w, &tint.Options{Level: level, TimeFormat: time.TimeOnly}))
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}
