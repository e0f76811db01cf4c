package progress_test

import (
	"testing"

	"github.com/spillway/spillway/internal/agent/progress"
)

func TestLines(t *testing.T) {
	none := progress.Update{Percent: -1}
	tests := []struct {
		name, line string
		want       progress.Update
		ok         bool
	}{
		{"cycles sample", "Fra:1 Mem:87.11M (Peak 374.58M) | Time:00:01.21 | Remaining:00:01.80 | Mem:78.79M, Peak:236.28M | Scene, ViewLayer | Sample 4/16",
			progress.Update{Percent: 25, Status: "frame 1, sample 4 of 16, 2s left"}, true},
		{"cycles start", "Fra:12 Mem:14.36M (Peak 20.30M) | Time:00:00.30 | Syncing Cube", progress.Update{Percent: -1, Status: "frame 12"}, true},
		{"negative frame", "Fra:-3 Mem:14.36M (Peak 20.30M) | Time:00:00.30 | x", progress.Update{Percent: -1, Status: "frame -3"}, true},
		{"eevee", "Fra:2 Mem:1M (Peak 2M) | Time:00:00.30 | Rendering 3 / 64 samples", progress.Update{Percent: 100 * 3. / 64, Status: "frame 2, sample 3 of 64"}, true},
		{"tiles", "Fra:2 Mem:1M (Peak 2M) | Time:00:00.30 | Rendered 1/2 Tiles", progress.Update{Percent: 50, Status: "frame 2, tile 1 of 2"}, true},
		{"saved", "Saved: '/nas/out/0001.png'", progress.Update{Percent: -1, Saved: "/nas/out/0001.png"}, true},
		{"saved, newer Blender", "render | Saved: '/nas/it's here/0001.png'", progress.Update{Percent: -1, Saved: "/nas/it's here/0001.png"}, true},
		{"saving time", " Time: 00:02.59 (Saving: 00:00.12)", none, false},
		{"saved without quotes", "Saved: /nas/x", none, false},
		{"skipped", "skipping existing frame \"/x.png\"", progress.Update{Percent: -1, Status: "skipping existing frame \"/x.png\""}, true},
		{"povray", "Rendered 1024 of 76800 pixels (1%)", progress.Update{Percent: 1}, true},
		{"arnold", "00:00:05 |  45% done - 12 rays/pixel", progress.Update{Percent: 45}, true},
		{"renderman", "R90000   45%", progress.Update{Percent: 45}, true},
		{"mantra", "ALF_PROGRESS 7%", progress.Update{Percent: 7}, true},
		{"absurd", "ALF_PROGRESS 700%", none, false},
		{"more samples than there are", "Fra:1 Mem:1M | Sample 17/16", progress.Update{Percent: -1, Status: "frame 1, sample 17 of 16"}, true},
		{"ffmpeg without a length", "frame=  120 fps= 30 q=28.0 size=  12kB time=00:00:05.00 bitrate=1 speed=1x", progress.Update{Percent: -1, Status: "frame 120"}, true},
		{"empty", "", none, false},
		{"text", "hello 50", none, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p progress.Parser
			got, ok := p.Line(tt.line)
			if ok != tt.ok || got != tt.want {
				t.Errorf("Line = %+v, %v, want %+v, %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

func TestFilmLengthIsRemembered(t *testing.T) {
	var p progress.Parser
	if _, ok := p.Line("  Duration: 00:00:10.00, start: 0.000000, bitrate: 1 kb/s"); ok {
		t.Error("a length alone is no progress")
	}
	for line, want := range map[string]float64{
		"frame=  60 fps= 30 q=28.0 size=  12kB time=00:00:05.00 bitrate=1": 50,
		"out_time=00:00:02.500000": 25,
		"out_time=00:00:12.500000": 100,
	} {
		if u, ok := p.Line(line); !ok || u.Percent != want {
			t.Errorf("%q: %v, want %v", line, u.Percent, want)
		}
	}
}

func FuzzLine(f *testing.F) {
	for _, seed := range []string{"Fra:1 Mem:1M | Remaining:1:2:3.4 | Sample 1/2", "Saved: 'x'", "Duration: 00:00:10.00", "frame= 1 time=00:00:01", "99% done"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		var p progress.Parser
		u, ok := p.Line(line)
		if u.Percent > 100 || u.Percent < 0 && u.Percent != -1 || !ok && (u.Saved != "" || u.Status != "") {
			t.Fatalf("%q: %+v", line, u)
		}
	})
}
