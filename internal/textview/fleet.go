package textview

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spillway/spillway/api/restv1"
)

// Nodes writes a list of nodes.
func Nodes(w io.Writer, nodes []restv1.Node, now time.Time) error {
	if len(nodes) == 0 {
		_, err := fmt.Fprintln(w, "No nodes yet. Start one: spillway agent --help")
		return err
	}
	t := newTable("NODE", "SITE", "POOL", "STATE", "VCPUS", "MEMORY", "GPUS", "SEEN", "WORK", "WHY")
	for _, n := range nodes {
		memory := ""
		if n.MemoryMiB > 0 {
			memory = size(n.MemoryMiB << 20)
		}
		state, why := n.State, n.Reason
		if n.Quarantined != "" {
			state, why = "quarantined", fmt.Sprintf("%s (end it with: spillway node release %s)", n.Quarantined, n.ID)
		}
		for _, a := range n.Avoided {
			why += fmt.Sprintf("; job %s avoids it: %s", a.Job, a.Why)
		}
		t.row(n.ID, n.Site, n.Pool, state, vcpus(n.VCPUs), memory, some(int64(n.GPUs)), ago(n.LastSeen, now), work(n), why)
	}
	return t.write(w)
}

// Pools writes a list of elastic pools.
func Pools(w io.Writer, pools []restv1.Pool, now time.Time) error {
	if len(pools) == 0 {
		_, err := fmt.Fprintln(w, "No elastic pools. They are part of the server's configuration.")
		return err
	}
	t := newTable("POOL", "SITE", "WANTED", "ACTUAL", "LIMITS", "PER HOUR", "DECIDED", "WHY")
	for _, p := range pools {
		price, why := "", p.Reason
		if p.Price > 0 {
			price = fmt.Sprintf("%.2f", p.Price)
		}
		if p.Stopped {
			why = "stopped by hand; " + why
		}
		if a := p.Autoscale; a != nil && a.Last != nil && len(a.Last.Mistakes) > 0 {
			m := a.Last.Mistakes[0]
			why = fmt.Sprintf("its formula fails (line %d, column %d: %s), its size stays; %s", m.Line, m.Column, m.Message, why)
		}
		t.row(p.ID, p.Site, p.Wanted, p.Actual, fmt.Sprintf("%d–%d", p.Min, p.Max), price, ago(p.Decided, now), why)
	}
	return t.write(w)
}

func vcpus(n float64) string {
	if n == 0 {
		return ""
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", n), ".0")
}

// work writes what a node does: the first task and how many more.
func work(n restv1.Node) string {
	if len(n.Work) == 0 {
		return ""
	}
	first := n.Work[0]
	text := fmt.Sprintf("%s #%d", first.JobName, first.Unit)
	if first.Progress > 0 {
		text += fmt.Sprintf(" %.0f%%", first.Progress*100)
	}
	if more := len(n.Work) - 1; more > 0 {
		text += fmt.Sprintf(" +%d", more)
	}
	return text
}

func sorted(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
