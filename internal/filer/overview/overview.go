// Package overview makes of two statuses of a filer what it did in between, for people.
package overview

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/filer"
	"github.com/spillway/spillway/internal/filer/meter"
	"github.com/spillway/spillway/internal/textview"
)

// Between says what the filer did from one status to the next, which were taken some time apart. If it was started again
// in between, that counts from its start.
func Between(before, after *filer.Status, from, to time.Time) textview.FilerView {
	if !before.Started.Equal(after.Started) {
		before, from = restarted(before, after)
	}
	d := period{max(to.Sub(from), time.Millisecond).Seconds()}
	v := textview.FilerView{
		Name: after.Name, Version: after.Version, At: to, Started: after.Started, Measured: d.seconds,
		Cache: textview.FilerCache{
			Used: after.Cache.Used, Capacity: after.Cache.Capacity, Inodes: after.Cache.Inodes, Evicted: d.rate(before.Cache.Evicted, after.Cache.Evicted),
		},
	}
	var read, hits uint64
	for i := range after.Exports {
		e := &after.Exports[i]
		old := exportOf(before, e.Path)
		v.Exports = append(v.Exports, d.export(old, e))
		v.Clients.Calls += d.rate(old.Calls, e.Calls)
		v.Clients.Written += d.rate(old.Written, e.Written)
		served := since(old.Served, e.Served)
		v.Clients.Read += float64(served) / d.seconds
		if e.Local { // every read goes to the storage, which is here
			continue
		}
		read += served
		hits += since(old.ServedHits, e.ServedHits)
	}
	v.Clients.HitRate, v.Clients.Connections = part(hits, read), after.Connections
	for _, s := range after.Sessions {
		if !s.Fenced {
			v.Clients.Sessions++
		}
	}
	v.Dirty = dirty(&after.Dirty, to)
	v.Calls = d.calls(before, after)
	v.Files, v.Hosts = files(after), clients(after)
	return v
}

// dirty describes what has not landed; nil where nothing is written back.
func dirty(d *filer.DirtyStatus, now time.Time) *textview.FilerDirty {
	if d.LogCapacity == 0 {
		return nil
	}
	return &textview.FilerDirty{
		Files: d.Files, Failing: d.Failing, Tries: d.Tries, Bytes: d.Bytes, Limit: d.Limit, Oldest: d.Age(now).Seconds(),
		Conflicts: d.Conflicts, SetAside: len(d.Asides), Error: cmp.Or(d.Failure, d.Error()),
	}
}

// restarted returns what there was when the filer started: counters of bytes go on, all others begin.
func restarted(before, after *filer.Status) (*filer.Status, time.Time) {
	b := filer.Status{Started: after.Started}
	for _, e := range before.Exports {
		e.OriginCalls = nil
		b.Exports = append(b.Exports, e)
	}
	return &b, after.Started
}

// period is the time between the two statuses.
type period struct{ seconds float64 }

func since(before, after uint64) uint64 { return after - min(before, after) }

func (d period) rate(before, after uint64) float64 { return float64(since(before, after)) / d.seconds }

// part returns n/of, nil for nothing of nothing.
func part(n, of uint64) *float64 {
	if of == 0 {
		return nil
	}
	p := float64(min(n, of)) / float64(of)
	return &p
}

func exportOf(s *filer.Status, path string) *filer.ExportStatus {
	for i := range s.Exports {
		if s.Exports[i].Path == path {
			return &s.Exports[i]
		}
	}
	return &filer.ExportStatus{}
}

func (d period) export(before, after *filer.ExportStatus) textview.FilerExport {
	e := textview.FilerExport{
		Path: after.Path, Origin: after.Origin, Error: after.OriginError, Dirty: after.Dirty, InFlight: after.OriginInFlight, Saved: after.Saved(),
		Calls: d.rate(before.Calls, after.Calls), Read: d.rate(before.Served, after.Served), Written: d.rate(before.Written, after.Written),
		Primed: d.rate(before.ReadPrimed, after.ReadPrimed),
	}
	e.Fetched = d.rate(before.ReadDemand, after.ReadDemand) + d.rate(before.ReadAhead, after.ReadAhead) + e.Primed
	if !after.Local {
		e.HitRate = part(since(before.ServedHits, after.ServedHits), since(before.Served, after.Served))
	}
	if !after.OriginErrorSince.IsZero() {
		e.ErrorSince = &after.OriginErrorSince
	}
	all := sum(after.OriginCalls).Since(sum(before.OriginCalls))
	e.Asked, e.P50, e.P99 = float64(all.Calls)/d.seconds, all.Quantile(0.5).Seconds(), all.Quantile(0.99).Seconds()
	return e
}

// sum is all operations of an origin together.
func sum(all []filer.OperationStatus) (total meter.Latency) {
	for _, o := range all {
		if total.Counts == nil {
			total.Counts = make([]uint64, len(o.Latency.Counts))
		}
		total.Calls += o.Latency.Calls
		total.Seconds += o.Latency.Seconds
		for i, n := range o.Latency.Counts[:min(len(o.Latency.Counts), len(total.Counts))] {
			total.Counts[i] += n
		}
	}
	return total
}

// calls returns the procedures that were called meanwhile, the most frequent first.
func (d period) calls(before, after *filer.Status) []textview.FilerCalls {
	old := map[string]filer.ProcedureStatus{}
	for _, p := range before.Calls {
		old[p.Name] = p
	}
	out := []textview.FilerCalls{}
	for _, p := range after.Calls {
		l := p.Latency.Since(old[p.Name].Latency)
		if l.Calls == 0 {
			continue
		}
		out = append(out, textview.FilerCalls{
			Procedure: p.Name, Rate: float64(l.Calls) / d.seconds, P50: l.Quantile(0.5).Seconds(), P99: l.Quantile(0.99).Seconds(),
			Refused: d.rate(refused(old[p.Name]), refused(p)), Total: p.Latency.Calls,
		})
	}
	slices.SortStableFunc(out, func(a, b textview.FilerCalls) int { return cmp.Compare(b.Rate, a.Rate) })
	return out
}

func refused(p filer.ProcedureStatus) (n uint64) {
	for _, k := range p.Refused {
		n += k
	}
	return n
}

func files(s *filer.Status) []textview.FilerHot {
	out := []textview.FilerHot{}
	for _, h := range s.HotFiles {
		name := h.Path
		if name == "" {
			name = h.Export + ": a file whose name nobody has asked for"
		}
		out = append(out, textview.FilerHot{Name: name, Calls: h.Calls, Bytes: h.Bytes})
	}
	return out
}

func clients(s *filer.Status) []textview.FilerHot {
	out := []textview.FilerHot{}
	for _, h := range s.HotClients {
		name := h.Address
		if h.Node != "" {
			name = strings.TrimPrefix(h.Node, "agent/") + " (" + h.Address + ")"
		}
		out = append(out, textview.FilerHot{Name: name, Calls: h.Calls, Bytes: h.Bytes})
	}
	return out
}
