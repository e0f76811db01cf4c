package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// Run makes the farm, renders the shot, proves the result and takes everything down again (or leaves it, with Keep). It
// returns the result also when the proof failed, with an error that says what is wrong. Cancelling the context stops
// the farm in order and leaves nothing running or mounted.
func Run(ctx context.Context, c Config) (*Result, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	if err := checkPrerequisites(); err != nil {
		return nil, err
	}
	tell := &teller{start: time.Now(), out: c.Out}
	if err := prepareDir(c, tell); err != nil {
		return nil, err
	}
	estimate, err := prepareStudio(ctx, c, tell)
	if err != nil {
		return nil, err
	}
	f := &farm{c: c, tell: tell}
	result, err := f.play(ctx, estimate)
	if c.Keep && err == nil {
		f.sayKept()
		return result, nil
	}
	if cerr := f.close(); cerr != nil {
		err = errors.Join(err, fault.Wrap(fault.Internal, cerr, "stop the farm"))
	}
	if ctx.Err() != nil {
		tell.say("stopped", "nothing of the farm is left running or mounted; logs are in %s", c.logs())
		return nil, context.Cause(ctx)
	}
	return result, err
}

// Stop ends what a demo with Keep left running in a work directory.
func Stop(c Config) error {
	processes, mounts, err := sweep(c.Dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "stopped %d processes and detached %d mounts of the demo in %s\n", processes, mounts, c.Dir)
	return nil
}

// prepareDir ends what an earlier demo left running and removes what it left on disk, if the directory is a demo's.
func prepareDir(c Config, tell *teller) error {
	stamp := filepath.Join(c.Dir, ".spillway-demo")
	entries, err := os.ReadDir(c.Dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return fault.Wrap(fault.Invalid, err, "work directory")
	case len(entries) > 0:
		if _, err := os.Stat(stamp); err != nil {
			return fault.WithHint(fault.New(fault.Conflict, "%s is not empty and was not made by the demo", c.Dir), "choose another directory with --dir")
		}
		if processes, mounts, err := sweep(c.Dir); err != nil {
			return err
		} else if processes+mounts > 0 {
			tell.say("earlier", "ended %d processes and %d mounts that an earlier demo had left", processes, mounts)
		}
		if err := os.RemoveAll(c.Dir); err != nil {
			return fault.Wrap(fault.Internal, err, "remove the earlier demo")
		}
	}
	for _, dir := range []string{c.nas(), c.logs(), c.reference()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fault.Wrap(fault.Invalid, err, "work directory")
		}
	}
	return os.WriteFile(stamp, []byte("made by spillway demo\n"), 0o644)
}

// prepareStudio makes the project on the NAS and renders its first frame plainly, which gives the reference picture and
// the estimate of a frame.
func prepareStudio(ctx context.Context, c Config, tell *teller) (time.Duration, error) {
	tell.say("studio", "making the project on the NAS: %d frames of %dx%d, about %d MB of assets", c.Frames, c.Width, c.Height, c.Megabytes)
	files, size, err := makeProject(ctx, c)
	if err != nil {
		return 0, err
	}
	tell.say("studio", "%s in %d files: scene, library, textures, plates", megabytes(uint64(size)), files)
	picture, estimate, err := renderReference(ctx, c)
	if err != nil {
		return 0, err
	}
	if _, err := decode(picture); err != nil {
		return 0, fault.Wrap(fault.Internal, err, "the reference")
	}
	tell.say("studio", "frame 1 rendered plainly in %.1fs: the pixel reference, and the first estimate", estimate.Seconds())
	return estimate, nil
}

// play opens the farm, runs the job on it, and proves what came of it.
func (f *farm) play(ctx context.Context, estimate time.Duration) (*Result, error) {
	if err := f.at.choose(); err != nil {
		return nil, err
	}
	if err := f.open(ctx); err != nil {
		return nil, err
	}
	forecast := time.Duration(f.c.Frames) * estimate
	deadline := time.Duration(float64(forecast) * Tightness)
	f.tell.say("forecast", "%d frames × %.1fs = %.0fs at home on one node; the deadline is %.0f %% of that: %.0fs",
		f.c.Frames, estimate.Seconds(), forecast.Seconds(), 100*Tightness, deadline.Seconds())
	run, err := f.render(ctx, estimate, deadline)
	if err != nil {
		return nil, err
	}
	result, err := f.measure(ctx, run)
	if err != nil {
		return nil, err
	}
	result.ForecastHome, result.Deadline = forecast.Seconds(), deadline.Seconds()
	result.DeadlineMet = result.Makespan <= result.Deadline
	if !f.c.Keep { // the caches are gone when the frames are looked at: what is proved is the NAS
		if err := f.destroyCaches(); err != nil {
			return result, err
		}
	}
	err = f.prove(run, result)
	if werr := result.save(filepath.Join(f.c.Dir, "result.json")); werr != nil {
		err = errors.Join(err, werr)
	}
	return result, err
}

// destroyCaches kills both filers without warning and deletes their caches.
func (f *farm) destroyCaches() error {
	for _, name := range []string{"cloud-filer", "edge-filer"} {
		if p := f.part(name); p != nil {
			p.kill()
		}
		if err := os.RemoveAll(filepath.Join(f.c.part(name), "cache")); err != nil {
			return fault.Wrap(fault.Internal, err, "delete the cache of "+name)
		}
	}
	f.tell.say("proof", "killed both filers and deleted both caches: what is left is the NAS folder")
	return nil
}

// sayKept tells how to reach and how to end a farm that stays.
func (f *farm) sayKept() {
	fmt.Fprintf(f.c.Out, `
The farm is left running.
  web page   %s/#token=%s
  commands   export SPILLWAY_SERVER=%s SPILLWAY_CA=%s SPILLWAY_TOKEN=%s
  stop it    spillway demo --stop --dir %s
`, f.url(f.at.server), f.token, f.url(f.at.server), f.ca, f.token, f.c.Dir)
}
