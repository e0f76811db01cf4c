package openjd

import "slices"

// order sorts the vertices of a graph so that each comes after those its edges lead to, keeping the given order where
// it can. If there is a circle, it returns that instead.
func order(edges [][]int) (sorted, circle []int) {
	const (
		open = 1 + iota
		done
	)
	state := make([]uint8, len(edges))
	type frame struct{ vertex, next int }
	for start := range edges {
		if state[start] != 0 {
			continue
		}
		stack := []frame{{start, 0}}
		state[start] = open
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if top.next == len(edges[top.vertex]) {
				state[top.vertex] = done
				sorted = append(sorted, top.vertex)
				stack = stack[:len(stack)-1]
				continue
			}
			to := edges[top.vertex][top.next]
			top.next++
			switch state[to] {
			case 0:
				state[to] = open
				stack = append(stack, frame{to, 0})
			case open:
				at := slices.IndexFunc(stack, func(f frame) bool { return f.vertex == to })
				for _, f := range stack[at:] {
					circle = append(circle, f.vertex)
				}
				return nil, circle
			}
		}
	}
	return sorted, nil
}

// dependsOn returns, for each step, the indices of the steps it depends on, ascending and each once.
func (t *JobTemplate) dependsOn() [][]int {
	index := make(map[string]int)
	for i, s := range t.Steps {
		index[s.Name] = i
	}
	out := make([][]int, len(t.Steps))
	for i, s := range t.Steps {
		for _, dep := range s.Dependencies {
			if j, ok := index[dep.DependsOn]; ok {
				out[i] = append(out[i], j)
			}
		}
		slices.Sort(out[i])
		out[i] = slices.Compact(out[i])
	}
	return out
}

// Order returns the indices of the steps in an order in which each comes after those it depends on.
func (t *JobTemplate) Order() []int {
	sorted, _ := order(t.dependsOn())
	return sorted
}
