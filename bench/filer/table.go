package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// table gathers measurements and prints their medians.
type table struct {
	servers []*server
	rows    []*row
}

type row struct {
	workload workload
	by       map[string][]measured
}

func newTable(servers []*server) *table { return &table{servers: servers} }

func (t *table) add(w *workload, s *server, m measured) {
	i := slices.IndexFunc(t.rows, func(r *row) bool { return r.workload.name == w.name })
	if i < 0 {
		i = len(t.rows)
		t.rows = append(t.rows, &row{*w, map[string][]measured{}})
	}
	t.rows[i].by[s.name] = append(t.rows[i].by[s.name], m)
}

// medianOf returns the median of a quantity.
func medianOf(all []measured, of func(*measured) float64) float64 {
	v := make([]float64, len(all))
	for i := range all {
		v[i] = of(&all[i])
	}
	slices.Sort(v)
	if len(v)%2 == 1 {
		return v[len(v)/2]
	}
	return (v[len(v)/2-1] + v[len(v)/2]) / 2
}

func typical(all []measured) measured {
	return measured{
		perSecond: medianOf(all, func(m *measured) float64 { return m.perSecond }),
		cpu:       medianOf(all, func(m *measured) float64 { return m.cpu }),
		p50:       time.Duration(medianOf(all, func(m *measured) float64 { return float64(m.p50) })),
		p99:       time.Duration(medianOf(all, func(m *measured) float64 { return float64(m.p99) })),
		origin:    medianOf(all, func(m *measured) float64 { return m.origin }),
		disk:      medianOf(all, func(m *measured) float64 { return m.disk }),
		beside:    medianOf(all, func(m *measured) float64 { return m.beside }),
	}
}

// ratio is the median over the rounds of one server's rate to another's in the same round.
func (r *row) ratio(a, b string) string {
	x, y := r.by[a], r.by[b]
	if len(x) == 0 || len(y) == 0 || len(x) != len(y) {
		return ""
	}
	v := make([]measured, len(x))
	for i := range x {
		v[i].perSecond = x[i].perSecond / y[i].perSecond
	}
	return fmt.Sprintf("%.2f ×", medianOf(v, func(m *measured) float64 { return m.perSecond }))
}

// print writes the table in Markdown.
func (t *table) print(w io.Writer) {
	if len(t.rows) == 0 {
		fmt.Fprintln(w, "nothing was measured")
		return
	}
	var foreign []measured
	rounds := 0
	for _, r := range t.rows {
		for _, m := range r.by {
			foreign = append(foreign, m...)
			rounds = max(rounds, len(m))
		}
	}
	fmt.Fprintf(w, "\nMedians of %d rounds on %s, %d CPUs; other processes used %.2f cores meanwhile (median).\n\n", rounds, kernel(), runtime.NumCPU(),
		medianOf(foreign, func(m *measured) float64 { return m.foreign }))
	head := []string{"workload"}
	for _, s := range t.servers {
		head = append(head, s.name, "CPU")
	}
	head = append(head, "filer : ganesha", "back : ganesha", "filer : ceiling", "back : ceiling", "origin calls")
	line := func(cells []string) { fmt.Fprintf(w, "| %s |\n", strings.Join(cells, " | ")) }
	line(head)
	fmt.Fprintln(w, "|"+strings.Repeat("---|", len(head)))
	for _, r := range t.rows {
		cells := []string{r.workload.what}
		for _, s := range t.servers {
			all := r.by[s.name]
			if len(all) == 0 {
				cells = append(cells, "", "")
				continue
			}
			m := typical(all)
			cells = append(cells, m.rate(&r.workload)+m.more(&r.workload), m.cost(&r.workload))
		}
		origin := ""
		if all := r.by[nameCache]; len(all) > 0 {
			origin = fmt.Sprintf("%.3f", typical(all).origin)
		}
		line(append(cells, r.ratio(nameCache, nameGanesha), r.ratio(nameBack, nameGanesha), r.ratio(nameCache, nameCeiling), r.ratio(nameBack, nameCeiling), origin))
	}
}

func kernel() string {
	b, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "an unknown kernel"
	}
	return "Linux " + strings.TrimSpace(string(b))
}

func lines(s string) func(func(string) bool) { return strings.SplitSeq(s, "\n") }
