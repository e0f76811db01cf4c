package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/wan"
)

// Result is what a demo measured. Times are seconds, sizes are bytes.
type Result struct {
	Frames       int     `json:"frames"`
	FramesRight  int     `json:"framesRight"` // decode, have the right size, and equal their receipts
	Proved       int     `json:"proved"`      // files on the NAS that equal their receipts
	Makespan     float64 `json:"makespan"`    // submit to the job's end
	ForecastHome float64 `json:"forecastHome"`
	Deadline     float64 `json:"deadline"`
	DeadlineMet  bool    `json:"deadlineMet"`

	FramesBySite map[string]int `json:"framesBySite"`
	BurstNodes   int            `json:"burstNodes"`
	NodeSeconds  float64        `json:"nodeSeconds"` // of burst nodes, creation to confirmed deletion
	Cost         float64        `json:"cost"`

	WAN WANUse `json:"wan"`

	Movie   string `json:"movie"`
	Contact string `json:"contactSheet"`
	Folder  string `json:"folder"`
	Page    string `json:"page"` // web page of the farm, served as long as it runs
}

// WANUse is what the link carried for the cloud site.
type WANUse struct {
	Read         uint64  `json:"read"`         // bytes from the edge filer to the cloud filer, with all protocol
	Written      uint64  `json:"written"`      // bytes the other way
	Primed       uint64  `json:"primed"`       // file data fetched by priming
	Demand       uint64  `json:"demand"`       // file data fetched because a node asked
	ReadAhead    uint64  `json:"readAhead"`    // file data fetched ahead of a reader
	PrimedUnread uint64  `json:"primedUnread"` // fetched ahead and never asked for
	Unique       uint64  `json:"unique"`       // distinct bytes that burst nodes asked for, in whole fetch blocks
	Needed       uint64  `json:"needed"`       // Unique and what was primed besides
	Overhead     float64 `json:"overhead"`     // Read ÷ Needed
	Sync         uint64  `json:"sync"`         // what copying the project to every burst node would have moved
	HitRate      float64 `json:"hitRate"`      // of the bytes served to burst nodes
}

// cloudSite and homeSite are the demo's sites.
const (
	cloudSite = "cloud"
	homeSite  = "studio"
)

func frameName(frame int) string { return fmt.Sprintf("frame_%04d.png", frame) }

// measure reads the counters of every part while they still run.
func (f *farm) measure(ctx context.Context, r *run) (*Result, error) {
	res := &Result{
		Frames: f.c.Frames, FramesBySite: map[string]int{homeSite: 0, cloudSite: 0},
		Makespan: r.job.Ended.Sub(r.job.Submitted).Seconds(),
		Movie:    filepath.Join(f.c.outDir(), "movie.mp4"),
		Contact:  filepath.Join(f.c.outDir(), "contact.png"),
		Folder:   f.c.outDir(),
		Page:     f.url(f.at.server),
	}
	for _, a := range r.attempts {
		if a.Step == 0 && a.State == "succeeded" {
			res.FramesBySite[a.Site]++
		}
	}
	for _, n := range r.nodes {
		if n.Pool == "" {
			continue
		}
		res.BurstNodes++
		end, ok := r.gone[n.ID]
		if !ok {
			end = time.Now()
		}
		lived := end.Sub(n.Created).Seconds()
		res.NodeSeconds += lived
		res.Cost += lived / 3600 * n.Price
	}
	link, err := f.linkStatus(ctx)
	if err != nil {
		return nil, err
	}
	filers, err := f.api.Filers(ctx)
	if err != nil {
		return nil, err
	}
	for _, fl := range filers {
		if fl.Name == "cloud" {
			if !fl.OK {
				return nil, fault.New(fault.Unavailable, "the cloud filer does not answer: %s", fl.Error)
			}
			res.WAN = wanUse(link, fl.Traffic)
		}
	}
	_, size, err := projectSize(f.c)
	if err != nil {
		return nil, err
	}
	res.WAN.Sync = uint64(size) * uint64(res.BurstNodes)
	return res, nil
}

func wanUse(link wan.Status, t restv1.Traffic) WANUse {
	u := WANUse{
		Primed: t.ReadPrimed, Demand: t.ReadDemand, ReadAhead: t.ReadAhead, PrimedUnread: t.Unused, Unique: t.UniqueDemand,
	}
	for _, relay := range link.Relays {
		if relay.Name == edgeRelay {
			u.Read, u.Written = relay.FromTarget, relay.ToTarget
		}
	}
	u.Needed = u.Unique + u.PrimedUnread
	if u.Needed > 0 {
		u.Overhead = float64(u.Read) / float64(u.Needed)
	}
	if t.Served > 0 {
		u.HitRate = float64(t.ServedFromHit) / float64(t.Served)
	}
	return u
}

// linkStatus asks the emulated WAN for its counters.
func (f *farm) linkStatus(ctx context.Context) (wan.Status, error) {
	var s wan.Status
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+f.at.wanStatus+"/", nil)
	if err != nil {
		return s, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return s, fault.Wrap(fault.Unavailable, err, "the emulated WAN")
	}
	defer resp.Body.Close()
	return s, json.NewDecoder(resp.Body).Decode(&s)
}

// save writes the result as JSON.
func (r *Result) save(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

// Print writes the result for people.
func (r *Result) Print(w io.Writer) {
	met := "missed"
	if r.DeadlineMet {
		met = "met"
	}
	fmt.Fprintf(w, `
  makespan     %.0f s; at home alone it was forecast at %.0f s; the deadline of %.0f s was %s
  frames       %d of %d right: %d from the studio, %d from the cloud
  rented       %d nodes, %.0f node-seconds, %.4f at the pool's price
  over the WAN %s read (%s by priming, %s on demand, %s ahead), %s written
               rented nodes asked for %s (distinct, in whole blocks); read ÷ needed %.3f (needed: %s, with %s primed and never read)
               copying the project to every rented node would have moved %s
  cache        %.1f %% of the bytes that rented nodes read came from the cloud filer's disk
  frames       %s
  movie        %s
  contact      %s
  web page     %s while the farm runs; --keep leaves it running
`,
		r.Makespan, r.ForecastHome, r.Deadline, met,
		r.FramesRight, r.Frames, r.FramesBySite[homeSite], r.FramesBySite[cloudSite],
		r.BurstNodes, r.NodeSeconds, r.Cost,
		megabytes(r.WAN.Read), megabytes(r.WAN.Primed), megabytes(r.WAN.Demand), megabytes(r.WAN.ReadAhead), megabytes(r.WAN.Written),
		megabytes(r.WAN.Unique), r.WAN.Overhead, megabytes(r.WAN.Needed), megabytes(r.WAN.PrimedUnread),
		megabytes(r.WAN.Sync), 100*r.WAN.HitRate, r.Folder, r.Movie, r.Contact, r.Page)
}
