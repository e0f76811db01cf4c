package web_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/server/rest/resttest"
)

const frames = 24

// scene is a shot of 24 frames in a farm in memory, moved on by the browser's script.
type scene struct {
	farm *resttest.Farm
	job  string
	last map[int64]string // each frame's newest attempt
}

func newScene() *scene {
	s := &scene{farm: resttest.New(time.Now), last: map[int64]string{}}
	s.farm.Pool(restv1.Pool{ID: "burst", Site: "cloud", Max: 2, Price: 0.21})
	s.traffic(0, 0)
	return s
}

// do runs one command of the script.
func (s *scene) do(command string, frame int64, node string) error {
	switch command {
	case "print", "progress", "end", "land", "fail", "lose", "fenced":
		if s.last[frame] == "" {
			return fmt.Errorf("%s: frame %d has not been started", command, frame+1)
		}
	}
	switch command {
	case "home":
		s.farm.Node(restv1.Node{ID: "ws-04", Site: "studio", State: "online", VCPUs: 1, MemoryMiB: 8192}, "joined")
	case "submit":
		s.submit()
	case "decide":
		s.farm.Explain(s.job, "2 nodes are being started; 23 frames wait for a free node", restv1.WhyReason{Step: "Render", Count: 23, Of: "units", Text: "every node is busy"})
		s.farm.Decide("burst", 0, 2, "home needs 3m24s, the deadline is in 2m12s", "")
		s.farm.Node(restv1.Node{ID: "burst-1", Site: "cloud", Pool: "burst", State: "starting", Price: 0.21}, "made by the planner")
	case "prime":
		s.farm.Prime(s.job, "cloud", "running", uint64(frame)<<20, 103<<20)
		s.traffic(uint64(frame)<<20, 0)
	case "primed":
		s.farm.Prime(s.job, "cloud", "done", 103<<20, 103<<20)
	case "join":
		s.farm.Node(restv1.Node{ID: node, Site: "cloud", Pool: "burst", State: "online", VCPUs: 1, MemoryMiB: 4096, Price: 0.21}, "joined")
	case "start":
		s.start(frame, node)
	case "print":
		s.farm.Print(s.last[frame], fmt.Sprintf("Fra:%d Mem:87.11M (Peak 374.58M) | Time:00:04.%02d | Sample %d/16\n", frame+1, frame, frame%16))
	case "progress":
		s.farm.Progress(s.last[frame], 0.62)
	case "end":
		s.farm.Output(s.last[frame], fmt.Sprintf("out/frame_%04d.png", frame+1), 480, 270, picture(int(frame)), false)
		s.farm.Move(s.last[frame], "landing", "ended well; 1 file on its way to the storage")
	case "land":
		s.land(frame)
	case "fail":
		s.farm.Print(s.last[frame], "Error: Cannot read '/nas/project/plates/plate_0007.png', No such file or directory\n")
		s.farm.Fail(s.last[frame], 1, "blender ended with 1")
	case "lose":
		s.farm.Node(restv1.Node{ID: node, Site: "cloud", Pool: "burst", State: "lost", Price: 0.21}, "no word for 15s")
		s.farm.Move(s.last[frame], "fencing", node+" is lost; its mount session is being fenced")
	case "fenced":
		s.farm.Remove(s.last[frame], fmt.Sprintf("out/frame_%04d.png", frame+1), 81920)
		s.farm.Move(s.last[frame], "lost", "session 7 of "+node+" is fenced; 1 unfinished file removed")
		s.farm.Node(restv1.Node{ID: node, Site: "cloud", Pool: "burst", State: "deleted"}, "fenced; its instance is gone")
	case "crowd":
		for i := range 60 {
			s.farm.Add(restv1.Job{Name: fmt.Sprintf("sq%02d_sh%04d_comp", i%7, i*10), Owner: []string{"ann", "bo", "cy"}[i%3], Steps: []restv1.Step{{Name: "Render", Units: int64(200 * (i + 1))}}})
		}
	default:
		return fmt.Errorf("the scene knows no %q", command)
	}
	return nil
}

func (s *scene) submit() {
	now := time.Now().UTC()
	s.job = s.farm.Add(restv1.Job{
		Name: "harbour_sh010", Owner: "ann", Project: "harbour", Queue: "default", Priority: 50, Deadline: now.Add(132 * time.Second),
		Forecast: &restv1.Forecast{At: now.Add(118 * time.Second), AtHome: now.Add(204 * time.Second), Seconds: 118},
		Steps: []restv1.Step{
			{Name: "Render", Units: frames, EstimateSeconds: 8.4, Numbering: &restv1.Numbers{Parameter: "Frame", First: 1, Every: 1}},
			{Name: "Encode", Units: 1, DependsOn: []int{0}},
		},
	})
}

func (s *scene) start(frame int64, node string) {
	id := s.farm.Start(s.job, 0, frame, node)
	s.last[frame] = id
	s.farm.Print(id, "Blender 3.4.1\nRead blend: /mnt/nas/project/shot.blend\n")
	s.farm.Progress(id, 0.1+float64(frame%7)/9)
	for i := range 6 {
		s.farm.Print(id, fmt.Sprintf("Fra:%d Mem:87.11M (Peak 374.58M) | Time:00:0%d.21 | Remaining:00:0%d.80 | Sample %d/16\n", frame+1, i, 6-i, i*2))
	}
}

func (s *scene) land(frame int64) {
	id := s.last[frame]
	s.farm.Print(id, fmt.Sprintf("Saved: '/mnt/nas/out/frame_%04d.png'\nBlender quit\n", frame+1))
	s.farm.Output(id, fmt.Sprintf("out/frame_%04d.png", frame+1), 480, 270, picture(int(frame)), true)
	s.farm.Move(id, "succeeded", "1 file on the storage")
	s.traffic(103<<20, uint64(frame)*4<<20)
}

// traffic sets the filers' counters.
func (s *scene) traffic(primed, demand uint64) {
	s.farm.SetFilers(
		restv1.Filer{Name: "edge", OK: true, Sites: []string{"studio"}, Sessions: 2, CacheUsed: 104 << 20, CacheCapacity: 2 << 30},
		restv1.Filer{Name: "cloud", Parent: "edge", OK: true, Sites: []string{"cloud"}, Sessions: 2, CacheUsed: primed + demand/20, CacheCapacity: 1 << 30, Traffic: restv1.Traffic{
			ReadPrimed: primed, ReadDemand: demand / 20, UniqueDemand: primed, Served: demand, ServedFromHit: demand - demand/20, Written: demand / 30,
		}},
	)
}

// picture draws a frame of the shot: a sun over water that sets as the frames go by.
func picture(frame int) []byte {
	img := image.NewRGBA(image.Rect(0, 0, 480, 270))
	t := float64(frame) / frames
	sunX, sunY := 90+300*t, 60+90*t
	for y := range 270 {
		for x := range 480 {
			fx, fy := float64(x), float64(y)
			up := fy / 160
			r, g, b := 40+150*up+40*t, 70+80*up-20*t, 120+50*(1-up)
			if fy > 160 { // the water mirrors the sky, rippled
				wave := math.Sin(fx/(6+(fy-160)/9)+3*t) * math.Sin(fy/2.3+7*t)
				up = (320 - fy) / 160
				r, g, b = 18+90*up+14*wave, 44+60*up+14*wave, 78+46*up+16*wave
				if math.Abs(fx-sunX) < 6+(fy-160)/4+8*wave {
					r, g = r+70, g+46
				}
			}
			if d := math.Hypot(fx-sunX, fy-sunY); fy <= 160 {
				glow := math.Exp(-d / 38)
				r, g, b = r+190*glow, g+130*glow, b+50*glow
			}
			for i, at := range []float64{60, 150, 210, 330, 400} { // boats and piers
				if math.Abs(fx-at-12*t*float64(i%2)) < 2+float64(i%3)*7 && fy > 132+float64(i*3) && fy < 166 {
					r, g, b = 24, 30, 40
				}
			}
			img.Set(x, y, color.RGBA{clamp(r), clamp(g), clamp(b), 255})
		}
	}
	var buf bytes.Buffer
	if err := png.Encode(&buf, img); err != nil {
		return nil
	}
	return buf.Bytes()
}

func clamp(v float64) uint8 { return uint8(max(0, min(255, v))) }
