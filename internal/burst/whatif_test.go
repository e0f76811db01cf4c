package burst_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/spillway/spillway/internal/burst"
)

// 600 frames of a minute: ten hours at home, where there is one node; the cloud's cost 0.90 an hour.
func TestWhatIf(t *testing.T) {
	for name, c := range map[string]struct {
		q      burst.Question
		change func(*burst.Work, *burst.Input)
		want   burst.Answer
	}{
		"as planned": {want: burst.Answer{Done: now.Add(25*time.Minute + 5*time.Second), Known: true, Nodes: map[string]int{"burst": 23}, Cost: 8.65, Extra: 8.65}},
		"at home":    {q: burst.Question{HomeOnly: true}, want: burst.Answer{Done: now.Add(10 * time.Hour), Known: true, Late: true}},
		"by a moment": {
			q:    burst.Question{By: now.Add(2 * time.Hour)},
			want: burst.Answer{Done: now.Add(100*time.Minute + 5*time.Second), Known: true, Nodes: map[string]int{"burst": 5}, Cost: 7.51, Extra: 7.51},
		},
		"by one too near": {
			q:      burst.Question{By: now.Add(2 * time.Minute)},
			change: func(_ *burst.Work, in *burst.Input) { in.Pools[0].Max = 20 },
			want:   burst.Answer{Done: now.Add(29*time.Minute + 5*time.Second), Known: true, Late: true, Nodes: map[string]int{"burst": 20}, Cost: 8.61, Extra: 8.61, Cap: "max"},
		},
		"for no more than": {
			q:    burst.Question{Allow: new(6.1)},
			want: burst.Answer{Done: now.Add(200*time.Minute + 5*time.Second), Known: true, Nodes: map[string]int{"burst": 2}, Cost: 6, Extra: 6, Cap: "budget"},
		},
		"for nothing": {
			q:    burst.Question{Allow: new(0.0)},
			want: burst.Answer{Done: now.Add(10 * time.Hour), Known: true, Cap: "budget"},
		},
		"for nothing, with nodes made for it already": {
			q: burst.Question{Allow: new(0.0)},
			change: func(_ *burst.Work, in *burst.Input) {
				in.Pools[0].Nodes = []burst.Node{online("b1", time.Hour, 0), {Name: "b2", State: burst.Starting, Created: now}}
			},
			want: burst.Answer{Done: now.Add(10 * time.Hour), Known: true, Cap: "budget"},
		},
		"nobody knows": {
			change: func(w *burst.Work, _ *burst.Input) { w.Expected = 0 },
			want:   burst.Answer{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := big(nil)
			in := farm([]burst.Work{w}, func(in *burst.Input) { in.Pools[0].Max = 1000 })
			if c.change != nil {
				c.change(&in.Work[0], &in)
			}
			c.q.Job = "j1"
			got := burst.WhatIf(now, in, c.q)
			t.Logf("%+v", got)
			if diff := cmp.Diff(c.want, got, cmpopts.EquateApprox(0.01, 0), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}
