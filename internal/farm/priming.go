package farm

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// primeSite sees to it that a job's assets are, or will be, in the site's filers. It reports whether nothing is left to
// wait for.
func (f *Farm) primeSite(now time.Time, j *job, id SiteID) bool {
	site := f.cfg.Sites[id]
	if !site.Prime || len(j.rec.Assets) == 0 {
		return true
	}
	over := true
	for _, l := range slices.Sorted(maps.Keys(site.Storage)) {
		filer := site.Storage[l]
		if filer == "" || !slices.ContainsFunc(j.rec.Assets, func(p StoragePath) bool { return p.Location == l }) {
			continue
		}
		key := primingKey{j.rec.ID, filer}
		p := f.primings[key]
		if p == nil {
			p = &Priming{Job: j.rec.ID, Filer: filer, State: PrimingWanted, Reason: "nodes behind " + string(filer) + " are to work on the job"}
			f.primings[key] = p
			f.openPriming[key] = struct{}{}
			f.touchPriming(p)
			f.emitPriming(now, p, "")
		}
		over = over && p.State.Over()
	}
	return over
}

// primed is primeSite without a change.
func (f *Farm) primed(j *job, id SiteID) bool {
	site := f.cfg.Sites[id]
	if !site.Prime || len(j.rec.Assets) == 0 {
		return true
	}
	for _, a := range j.rec.Assets {
		if filer := site.Storage[a.Location]; filer != "" {
			if p := f.primings[primingKey{j.rec.ID, filer}]; p == nil || !p.State.Over() {
				return false
			}
		}
	}
	return true
}

func (f *Farm) emitPriming(now time.Time, p *Priming, from PrimingState) {
	f.emit(Event{
		At: now, Kind: "priming", Job: p.Job, From: string(from), To: string(p.State), Reason: string(p.Filer) + ": " + p.Reason,
	})
}

func (f *Farm) endPriming(now time.Time, p *Priming, to PrimingState, reason string) {
	from := p.State
	p.State, p.Reason, p.Ended = to, reason, now
	delete(f.openPriming, primingKey{p.Job, p.Filer})
	f.touchPriming(p)
	f.emitPriming(now, p, from)
}

// closePrimings ends the primings of a job that nobody waits for any more.
func (f *Farm) closePrimings(now time.Time, j *job, reason string) {
	for _, k := range slices.SortedFunc(maps.Keys(f.openPriming), comparePrimings) {
		if k.job == j.rec.ID {
			f.endPriming(now, f.primings[k], PrimingFailed, reason)
		}
	}
}

// reopenPrimings has failed primings of a job done again.
func (f *Farm) reopenPrimings(now time.Time, j *job) {
	for _, k := range slices.SortedFunc(maps.Keys(f.primings), comparePrimings) {
		if p := f.primings[k]; k.job == j.rec.ID && p.State == PrimingFailed {
			*p = Priming{Job: p.Job, Filer: p.Filer, State: PrimingWanted, Reason: "the job is retried"}
			f.openPriming[k] = struct{}{}
			f.touchPriming(p)
			f.emitPriming(now, p, PrimingFailed)
		}
	}
}

func (f *Farm) priming(j JobID, filer FilerID) (*Priming, error) {
	if p := f.primings[primingKey{j, filer}]; p != nil {
		return p, nil
	}
	return nil, fault.New(fault.NotFound, "no priming of job %s at filer %s", j, filer)
}

func (c PrimingProgress) apply(f *Farm, now time.Time) (any, error) {
	p, err := f.priming(c.Job, c.Filer)
	if err != nil || p.State.Over() {
		return nil, err
	}
	p.Files, p.FilesDone, p.Bytes, p.BytesDone = c.Files, c.FilesDone, c.Bytes, c.BytesDone
	f.touchPriming(p)
	if p.State == PrimingWanted {
		p.State, p.Reason, p.Started = PrimingRunning, "loading the job's assets", now
		f.emitPriming(now, p, PrimingWanted)
	}
	return nil, nil
}

func (c PrimingEnded) apply(f *Farm, now time.Time) (any, error) {
	p, err := f.priming(c.Job, c.Filer)
	if err != nil || p.State.Over() {
		return nil, err
	}
	if p.Started.IsZero() {
		p.Started = now
	}
	if c.Problem != "" {
		f.endPriming(now, p, PrimingFailed, c.Problem)
		return nil, nil
	}
	f.endPriming(now, p, PrimingDone, fmt.Sprintf("%d files, %.1f MB loaded", p.FilesDone, float64(p.BytesDone)/1e6))
	return nil, nil
}
