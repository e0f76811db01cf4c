package burst

import (
	"math"
	"sort"
)

// bound is a limit that several pools share.
type bound struct {
	name string
	most float64
	each func(*Pool) float64 // what a node takes of it
}

// bounds lists the limits that the settings set.
func (p *planner) bounds() []bound {
	var out []bound
	if p.settings.MaxHourly > 0 {
		out = append(out, bound{"hourly", p.settings.MaxHourly, func(x *Pool) float64 { return x.Price }})
	}
	if p.settings.MaxVCPUs > 0 {
		out = append(out, bound{"vcpus", p.settings.MaxVCPUs, func(x *Pool) float64 { return x.VCPUs }})
	}
	for name, most := range p.settings.Quotas {
		out = append(out, bound{"quota", within(most, 0, math.Inf(1)), func(x *Pool) float64 {
			if x.Quota != name {
				return 0
			}
			return x.VCPUs
		}})
	}
	return out
}

// limit returns how many nodes a pool may have beside those of others, at most so many as are useful, and what says so.
func (p *planner) limit(counts []int, pool, useful int) (int, string) {
	if p.free {
		return useful, ""
	}
	most, by := max(p.in.Pools[pool].Max, 0), "max"
	if useful < most {
		most, by = useful, ""
	}
	bounds := p.bounds()
	if len(bounds) == 0 {
		return most, by
	}
	var first string // what is exceeded first
	n := sort.Search(most, func(i int) bool {
		name := p.exceeds(bounds, p.with(counts, pool, i+1), pool)
		if name != "" {
			first = name
		}
		return name != ""
	})
	if n < most {
		return n, first
	}
	return most, by
}

// exceeds names the limit that numbers of nodes exceed. Other pools' nodes that work go on costing, whatever is decided.
func (p *planner) exceeds(bounds []bound, counts []int, pool int) string {
	for _, b := range bounds {
		sum := 0.0
		for i := range p.in.Pools {
			n := counts[i]
			if i != pool {
				n = max(n, p.kept[i])
			}
			if each := b.each(&p.in.Pools[i]); each > 0 {
				sum += float64(n) * each
			}
		}
		if counts[pool] > 0 && b.each(&p.in.Pools[pool]) > 0 && sum > b.most*(1+tick)+tick {
			return b.name
		}
	}
	return ""
}
