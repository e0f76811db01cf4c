package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"text/tabwriter"

	"github.com/spillway/spillway/internal/burst"
)

// contestant is a policy with its name. A fresh one is made for each day.
type contestant struct {
	name string
	make func(d *day) (policy, error)
}

// contestants lists who plays besides the oracle; the planner is the first.
func contestants() []contestant {
	list := []contestant{{"the planner", func(*day) (policy, error) { return planned{burst.DefaultSettings()}, nil }}}
	for _, each := range []int{1, 5, 20} {
		list = append(list, contestant{fmt.Sprintf("by queue length, a node for %d frames", each), func(*day) (policy, error) { return byQueue{each}, nil }})
	}
	list = append(list, contestant{"Azure Batch's pending-task formula", func(d *day) (policy, error) { return newByFormula(d.pool.most) }})
	for _, share := range []float64{0, 0.5, 1, 2} {
		list = append(list, contestant{fmt.Sprintf("a fixed fleet of %.1f × the studio's", share), func(d *day) (policy, error) {
			return fixed{int(share * float64(d.home))}, nil
		}})
	}
	return list
}

// outcome is what all made of one day: the contestants in their order, then the oracle.
type outcome struct {
	results []result
	bound   float64
}

// live has all contestants and the oracle live through a day.
func live(seed uint64, trials int) (outcome, error) {
	d := newDay(seed)
	out := outcome{bound: fluidBound(d)}
	var starts [][]int
	for _, c := range contestants() {
		p, err := c.make(d)
		if err != nil {
			return out, fmt.Errorf("%s: %w", c.name, err)
		}
		r := &recorded{policy: p}
		out.results = append(out.results, newSim(d).run(r))
		starts = append(starts, r.slots)
	}
	out.results = append(out.results, oracle(d, starts, trials))
	return out, nil
}

// many lives through days, several at a time.
func many(first uint64, days, trials int) ([]outcome, error) {
	out := make([]outcome, days)
	errs := make([]error, days)
	next := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				out[i], errs[i] = live(first+uint64(i), trials)
			}
		})
	}
	for i := range days {
		next <- i
	}
	close(next)
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// row is one line of the table: sums over all days.
type row struct {
	name          string
	cost, ratio   float64 // ratio: to the oracle's cost
	missed, jobs  int
	hours, useful float64 // of rented nodes; the share of it in which frames were rendered that were finished
	worse         int     // days on which more deadlines were missed than by the oracle
}

func summarise(all []outcome) ([]row, float64) {
	names := []string{}
	for _, c := range contestants() {
		names = append(names, c.name)
	}
	names = append(names, "an oracle")
	rows := make([]row, len(names))
	bound := 0.0
	for _, o := range all {
		bound += o.bound
		best := o.results[len(o.results)-1]
		for i, r := range o.results {
			w := &rows[i]
			w.name, w.cost, w.missed, w.jobs = names[i], w.cost+r.cost, w.missed+r.missed, w.jobs+r.jobs
			w.hours, w.useful = w.hours+r.seconds/hour, w.useful+r.rendered/hour
			if r.missed > best.missed {
				w.worse++
			}
		}
	}
	least := rows[len(rows)-1].cost
	for i := range rows {
		rows[i].ratio = rows[i].cost / least
		if rows[i].hours > 0 {
			rows[i].useful /= rows[i].hours
		}
	}
	return rows, bound / float64(len(all))
}

func money(w io.Writer, first uint64, days, trials int, plot string) error {
	all, err := many(first, days, trials)
	if err != nil {
		return err
	}
	rows, bound := summarise(all)
	fmt.Fprintf(w, "\n%d simulated days (seeds %d to %d), %d deadlines; the oracle tried %d schedules a day\n\n", days, first, first+uint64(days)-1, rows[0].jobs, trials)
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "policy\tcost a day\tto the oracle\tmissed\tof deadlines\tdays with more missed\trented hours a day\tof that rendering")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%.2f\t%.2f ×\t%d\t%.1f %%\t%d\t%.1f\t%.0f %%\n", r.name, r.cost/float64(days), r.ratio, r.missed, 100*float64(r.missed)/float64(max(1, r.jobs)),
			r.worse, r.hours/float64(days), 100*r.useful)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nas a fluid, without starts, idling and whole frames, every deadline met: %.2f a day\n", bound)
	if plot == "" {
		return nil
	}
	return os.WriteFile(plot, []byte(picture(rows, days)), 0o644) //nolint:gosec // a picture for everybody
}

// tuning lives through days that are never scored with several reserves.
func tuning(w io.Writer, days int) error {
	fmt.Fprintln(w, "margin  keep  slow  cost a day  missed  late hours")
	for _, margin := range []float64{0.03, 0.1} {
		for _, keep := range []float64{0.12, 0.3} {
			for _, slow := range []float64{2, 6} {
				var sum result
				for seed := range uint64(min(days, scored)) {
					settings := burst.Settings{Margin: margin, Keep: keep, Slow: slow, IdleFor: span(60)}
					r := newSim(newDay(seed)).run(planned{settings})
					sum.cost, sum.missed, sum.late = sum.cost+r.cost, sum.missed+r.missed, sum.late+r.late
				}
				fmt.Fprintf(w, "%6.2f  %4.2f  %4.0f  %10.2f  %6d  %10.1f\n", margin, keep, slow, sum.cost/float64(days), sum.missed, sum.late/hour)
			}
		}
	}
	return nil
}
