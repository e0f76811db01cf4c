package overview

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/spillway/spillway/internal/filer"
	"github.com/spillway/spillway/internal/filer/meter"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var began = time.Unix(1000, 0)

func latencies(n int, each time.Duration) meter.Latency {
	var h meter.Histogram
	for range n {
		h.Add(each)
	}
	return h.Latency()
}

func TestBetween(t *testing.T) {
	before := &filer.Status{
		Started: began,
		Exports: []filer.ExportStatus{
			{Path: "/nas", Served: 100, ServedHits: 50, ReadDemand: 50, Calls: 10, OriginCalls: []filer.OperationStatus{{Name: "READ", Latency: latencies(5, time.Second)}}},
			{Path: "/local", Local: true, Served: 5},
		},
		Calls: []filer.ProcedureStatus{{Name: "READ", Latency: latencies(10, time.Second), Refused: map[string]uint64{"NFS3ERR_IO": 1}}},
		Cache: filer.CacheStatus{Evicted: 4},
	}
	after := &filer.Status{
		Name: "cloud", Started: began, Connections: 3,
		Exports: []filer.ExportStatus{
			{Path: "/nas", Served: 1100, ServedHits: 850, ReadDemand: 250, ReadPrimed: 40, Written: 20, Calls: 30,
				OriginCalls: []filer.OperationStatus{{Name: "LOOKUP", Latency: latencies(3, time.Millisecond)}, {Name: "READ", Latency: latencies(6, time.Second)}}},
			{Path: "/local", Local: true, Served: 205},
		},
		Sessions: []filer.SessionStatus{{}, {Fenced: true}},
		Calls: []filer.ProcedureStatus{
			{Name: "GETATTR", Latency: latencies(1, time.Microsecond)},
			{Name: "READ", Latency: latencies(30, time.Second), Refused: map[string]uint64{"NFS3ERR_IO": 2, "NFS3ERR_STALE": 3}},
			{Name: "WRITE"},
		},
		Cache:      filer.CacheStatus{Evicted: 24},
		HotFiles:   []filer.HotFile{{Export: "/nas", Path: "/nas/a"}, {Export: "/nas"}},
		HotClients: []filer.HotClient{{Address: "10.0.0.7", Node: "agent/burst-1"}},
	}
	v := Between(before, after, began.Add(time.Minute), began.Add(time.Minute+2*time.Second))
	e := v.Exports[0]
	if v.Measured != 2 || v.Clients.Read != 600 || v.Clients.HitRate == nil || *v.Clients.HitRate != 0.8 || v.Clients.Calls != 10 ||
		v.Clients.Written != 10 || v.Clients.Connections != 3 || v.Clients.Sessions != 1 || v.Cache.Evicted != 10 {
		t.Errorf("clients %+v, cache %+v", v.Clients, v.Cache)
	}
	if e.Read != 500 || *e.HitRate != 0.8 || e.Fetched != 120 || e.Primed != 20 || e.Asked != 2 || e.Saved != 810 || e.P50 > 0.002 || e.P99 < 0.5 {
		t.Errorf("export %+v", e)
	}
	if v.Exports[1].HitRate != nil {
		t.Error("storage of the filer's own machine has a hit rate")
	}
	if len(v.Calls) != 2 || v.Calls[0].Procedure != "READ" || v.Calls[0].Rate != 10 || v.Calls[0].Refused != 2 || v.Calls[0].Total != 30 {
		t.Errorf("calls %+v", v.Calls)
	}
	if v.Files[0].Name != "/nas/a" || v.Files[1].Name != "/nas: a file whose name nobody has asked for" || v.Hosts[0].Name != "burst-1 (10.0.0.7)" {
		t.Errorf("hottest %+v, %+v", v.Files, v.Hosts)
	}
}

// A filer that was started again counts from its start; its bytes go on.
func TestBetweenOverARestart(t *testing.T) {
	before := &filer.Status{Started: began, Exports: []filer.ExportStatus{{Path: "/nas", Served: 1000}},
		Calls: []filer.ProcedureStatus{{Name: "READ", Latency: latencies(50, time.Second)}}}
	after := &filer.Status{Started: began.Add(10 * time.Second), Exports: []filer.ExportStatus{{Path: "/nas", Served: 1400}},
		Calls: []filer.ProcedureStatus{{Name: "READ", Latency: latencies(60, time.Second)}}}
	v := Between(before, after, began.Add(9*time.Second), began.Add(14*time.Second))
	if v.Measured != 4 || v.Clients.Read != 100 || v.Calls[0].Rate != 15 {
		t.Errorf("%+v", v)
	}
	if v := Between(after, after, began, began); v.Measured <= 0 || len(v.Calls) != 0 {
		t.Errorf("between a status and itself: %+v", v)
	}
}
