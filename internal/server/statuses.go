package server

import (
	"context"
	"slices"
	"sync"
	"time"

	"connectrpc.com/connect"

	"github.com/spillway/spillway/api/restv1"
	filerv1 "github.com/spillway/spillway/api/spillway/filer/v1"
	"github.com/spillway/spillway/internal/farm"
)

const (
	statusFor    = 2 * time.Second // a status is good for so long
	statusWithin = 2 * time.Second
)

// statuses keeps the filers' last status, so that many screens cost them one call.
type statuses struct {
	// mu guards what follows; it is held while the filers are asked, and everybody who asks meanwhile gets the answer.
	mu   sync.Mutex
	at   time.Time
	last []restv1.Filer
}

// Filers returns the status of each filer.
func (s *Server) Filers(ctx context.Context) ([]restv1.Filer, error) {
	s.statuses.mu.Lock()
	defer s.statuses.mu.Unlock()
	if !s.statuses.at.IsZero() && time.Since(s.statuses.at) < statusFor {
		return slices.Clone(s.statuses.last), nil
	}
	ctx = context.WithoutCancel(ctx) // the answer is for others too, and soon there
	out := make([]restv1.Filer, len(s.config.Filers))
	var asking sync.WaitGroup
	for i := range s.config.Filers {
		asking.Go(func() { out[i] = s.filerStatus(ctx, &s.config.Filers[i]) })
	}
	asking.Wait()
	s.statuses.at, s.statuses.last = time.Now(), out
	return slices.Clone(out), nil
}

func (s *Server) filerStatus(ctx context.Context, f *Filer) restv1.Filer {
	out := restv1.Filer{Name: f.Name, Parent: f.Parent, Sites: s.config.sitesOf(f.Name)}
	client, _, err := s.filers.get(farm.FilerID(f.Name))
	var res *connect.Response[filerv1.StatusResponse]
	if err == nil {
		call, cancel := context.WithTimeout(ctx, statusWithin)
		defer cancel()
		res, err = client.Status(call, connect.NewRequest(&filerv1.StatusRequest{}))
	}
	if err != nil {
		out.Error = filerFault(farm.FilerID(f.Name), err).Error()
		return out
	}
	m := res.Msg
	out.OK = true
	out.CacheUsed, out.CacheCapacity = m.GetCache().GetUsedBytes(), m.GetCache().GetCapacityBytes()
	for _, session := range m.GetSessions() {
		if !session.GetFenced() {
			out.Sessions++
		}
	}
	for _, e := range m.GetExports() {
		out.DirtyBytes += e.GetDirtyBytes()
		if !e.GetOriginOk() {
			out.OK, out.Error = false, e.GetPath()+": "+e.GetOriginError()
		}
		addTraffic(&out.Traffic, e.GetTraffic())
	}
	return out
}

func addTraffic(t *restv1.Traffic, o *filerv1.OriginTraffic) {
	t.ReadDemand += o.GetBytesReadDemand()
	t.ReadAhead += o.GetBytesReadReadahead()
	t.ReadPrimed += o.GetBytesReadPrimed()
	t.Unused += o.GetBytesUnused()
	t.UniqueDemand += o.GetBytesUniqueDemand()
	t.Written += o.GetBytesWritten()
	t.Calls += o.GetCalls()
	t.Served += o.GetBytesServed()
	t.ServedFromHit += o.GetBytesServedCached()
}

// sitesOf lists the sites whose nodes mount a filer.
func (c *Config) sitesOf(filer string) []string {
	var out []string
	for _, s := range c.Storage {
		for site, door := range s.Sites {
			if door.Filer == filer && !slices.Contains(out, site) {
				out = append(out, site)
			}
		}
	}
	slices.Sort(out)
	return out
}
