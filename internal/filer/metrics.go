package filer

import (
	"cmp"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/spillway/spillway/internal/filer/meter"
	"github.com/spillway/spillway/internal/identity"
)

// metrics shows the filer's status to Prometheus: counters are kept by the filer itself, so that those of
// bytes survive restarts, and agree with its Status. No label takes values without bound: files and clients go by rank.
type metrics struct {
	f      *Filer
	descs  map[string]*prometheus.Desc
	labels map[string][]string
}

var _ prometheus.Collector = (*metrics)(nil)

func newMetrics(f *Filer) *metrics {
	m := &metrics{f: f, descs: map[string]*prometheus.Desc{}, labels: map[string][]string{}}
	def := func(name, help string, labels ...string) {
		m.labels[name] = labels
		m.descs[name] = prometheus.NewDesc("spillway_filer_"+name, help, labels, nil)
	}
	def("info", "The filer's name and version; always 1.", "name", "version")
	def("start_time_seconds", "When the filer started, in seconds since 1970.")
	def("connections", "Connections of clients.")
	def("call_seconds", "NFS calls by how long they took, from the request's last byte to the reply.", "procedure")
	def("refused_calls_total", "NFS calls that were answered with a status other than OK.", "procedure", "status")
	def("calls_total", "NFS calls.", "export")
	def("served_bytes_total", "READ bytes answered.", "export", "from")
	def("unique_demand_bytes_total", "Distinct bytes asked for by clients, rounded to blocks.", "export")
	def("uncommitted_bytes", "Bytes acknowledged as unstable and not yet committed.", "export")
	def("origin_read_bytes_total", "File bytes read from the origin.", "export", "cause")
	def("origin_written_bytes_total", "File bytes written to the origin.", "export")
	def("origin_up", "Whether the last call reached the origin.", "export")
	def("origin_down_seconds", "How long the origin has not been reached; 0 when it is.", "export")
	def("origin_call_seconds", "Operations asked of the origin by how long they took.", "export", "operation")
	def("origin_failed_calls_total", "Operations that did not reach the origin.", "export")
	def("origin_calls_in_flight", "Operations that the origin has not answered yet.", "export")
	def("unused_bytes", "Bytes read ahead or primed that no client has asked for.", "export", "cause")
	def("wan_saved_bytes", "READ bytes answered less file bytes read from the origin.", "export")
	def("cache_used_bytes", "File bytes in the cache.")
	def("cache_capacity_bytes", "File bytes the cache may hold.")
	def("cache_evicted_bytes_total", "File bytes evicted since the start.")
	def("cache_evicted_files_total", "Files evicted since the start.")
	def("cache_inodes", "Inodes in memory.")
	def("dirty_files", "Files with changes that have not landed, by whether the last try to land them failed.", "state")
	def("dirty_bytes", "File bytes that only this filer has.")
	def("dirty_limit_bytes", "Bytes of dirty data from which on clients are told to come back.")
	def("dirty_oldest_seconds", "How long ago the oldest change was made that has not landed; 0: there is none.")
	def("write_back_retries", "Failures in a row of the file that has failed most often; 0: none fails.")
	def("write_back_stopped", "1 when the cache disk has failed, and nothing is promised or written back any more.")
	def("conflicts_total", "Files that somebody else had changed at the storage; ours went beside them.")
	def("set_aside_total", "Files that could not land under their names.")
	def("set_aside_files", "Files that were set aside and wait for somebody to end them.")
	def("log_used_bytes", "Bytes of the write-back log in use.")
	def("log_capacity_bytes", "Bytes of the write-back log.")
	def("sessions", "Mount sessions.", "state")
	def("node_calls_total", "NFS calls of a node's mount sessions.", "node")
	def("node_read_bytes_total", "READ bytes answered to a node's mount sessions.", "node", "from")
	def("node_written_bytes_total", "WRITE bytes of a node's mount sessions.", "node")
	def("hot_file_calls", "Calls a second of the files used most; which they are, /status says.", "rank")
	def("hot_file_bytes", "Bytes a second of the files used most.", "rank")
	def("hot_client_calls", "Calls a second of the clients that do most; which they are, /status says.", "rank")
	def("hot_client_bytes", "Bytes a second of the clients that do most.", "rank")
	def("locks", "Locks, waits for locks and share reservations.")
	def("lock_waits", "Locks that are waited for.")
	def("lock_clients", "Hosts with locks.")
	def("locks_lost_total", "Locks that the origin gave to somebody else after its restart.")
	return m
}

// Describe sends every description.
func (m *metrics) Describe(out chan<- *prometheus.Desc) {
	for _, d := range m.descs {
		out <- d
	}
}

// sample sends values to one scrape.
type sample struct {
	m   *metrics
	out chan<- prometheus.Metric
}

func (s sample) gauge(name string, v float64, labels ...string) {
	s.out <- prometheus.MustNewConstMetric(s.m.descs[name], prometheus.GaugeValue, v, labels...)
}

func (s sample) counter(name string, v uint64, labels ...string) {
	s.out <- prometheus.MustNewConstMetric(s.m.descs[name], prometheus.CounterValue, float64(v), labels...)
}

func (s sample) latency(name string, l meter.Latency, labels ...string) {
	s.out <- prometheus.MustNewConstHistogram(s.m.descs[name], l.Calls, l.Seconds, l.Cumulative(), labels...)
}

// Collect sends the present values.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	to, s := sample{m, out}, m.f.Status()
	to.gauge("info", 1, s.Name, s.Version)
	to.gauge("start_time_seconds", float64(s.Started.UnixMilli())/1e3)
	to.gauge("connections", float64(s.Connections))
	for _, p := range s.Calls {
		to.latency("call_seconds", p.Latency, p.Name)
		for status, n := range p.Refused {
			to.counter("refused_calls_total", n, p.Name, status)
		}
	}
	for i := range s.Exports {
		to.export(&s.Exports[i])
	}
	to.gauge("cache_used_bytes", float64(s.Cache.Used))
	to.gauge("cache_capacity_bytes", float64(s.Cache.Capacity))
	to.counter("cache_evicted_bytes_total", s.Cache.Evicted)
	to.counter("cache_evicted_files_total", s.Cache.EvictedFiles)
	to.gauge("cache_inodes", float64(s.Cache.Inodes))
	to.gauge("locks", float64(s.Locks.Locks))
	to.gauge("lock_waits", float64(s.Locks.Waiting))
	to.gauge("lock_clients", float64(s.Locks.Clients))
	to.counter("locks_lost_total", s.Locks.Lost)
	for i, h := range s.HotFiles {
		to.gauge("hot_file_calls", h.Calls, strconv.Itoa(i+1))
		to.gauge("hot_file_bytes", h.Bytes, strconv.Itoa(i+1))
	}
	for i, h := range s.HotClients {
		to.gauge("hot_client_calls", h.Calls, strconv.Itoa(i+1))
		to.gauge("hot_client_bytes", h.Bytes, strconv.Itoa(i+1))
	}
	to.dirty(&s.Dirty, time.Now())
	to.sessions(s.Sessions)
}

// dirty sends what has not landed.
func (s sample) dirty(d *DirtyStatus, now time.Time) {
	stopped := 0.0
	if d.Failure != "" {
		stopped = 1
	}
	s.gauge("dirty_files", float64(d.Files-d.Failing), "waiting")
	s.gauge("dirty_files", float64(d.Failing), "failing")
	s.gauge("dirty_bytes", float64(d.Bytes))
	s.gauge("dirty_limit_bytes", float64(d.Limit))
	s.gauge("dirty_oldest_seconds", d.Age(now).Seconds())
	s.gauge("write_back_retries", float64(d.Tries))
	s.gauge("write_back_stopped", stopped)
	s.counter("conflicts_total", d.Conflicts)
	s.counter("set_aside_total", d.SetAside)
	s.gauge("set_aside_files", float64(len(d.Asides)))
	s.gauge("log_used_bytes", float64(d.LogBytes))
	s.gauge("log_capacity_bytes", float64(d.LogCapacity))
}

func (s sample) export(e *ExportStatus) {
	s.counter("calls_total", e.Calls, e.Path)
	s.counter("served_bytes_total", e.ServedHits, e.Path, "cache")
	s.counter("served_bytes_total", e.Served-min(e.ServedHits, e.Served), e.Path, "origin")
	s.counter("unique_demand_bytes_total", e.UniqueDemand, e.Path)
	s.gauge("uncommitted_bytes", float64(e.Dirty), e.Path)
	s.counter("origin_read_bytes_total", e.ReadDemand, e.Path, "demand")
	s.counter("origin_read_bytes_total", e.ReadAhead, e.Path, "readahead")
	s.counter("origin_read_bytes_total", e.ReadPrimed, e.Path, "priming")
	s.counter("origin_written_bytes_total", e.Written, e.Path)
	up, down := 1.0, 0.0
	if e.OriginError != "" {
		up, down = 0, time.Since(e.OriginErrorSince).Seconds()
	}
	s.gauge("origin_up", up, e.Path)
	s.gauge("origin_down_seconds", down, e.Path)
	for _, o := range e.OriginCalls {
		s.latency("origin_call_seconds", o.Latency, e.Path, o.Name)
	}
	s.counter("origin_failed_calls_total", e.OriginFailed, e.Path)
	s.gauge("origin_calls_in_flight", float64(e.OriginInFlight), e.Path)
	s.gauge("unused_bytes", float64(e.UnusedAhead), e.Path, "readahead")
	s.gauge("unused_bytes", float64(e.Unused-min(e.UnusedAhead, e.Unused)), e.Path, "priming")
	s.gauge("wan_saved_bytes", float64(e.Saved()), e.Path)
}

// maxNodes is how many nodes have metrics of their own: those that have moved most.
const maxNodes = 500

// sessions sends what nodes do, as long as they have an open session.
func (s sample) sessions(all []SessionStatus) {
	var fenced uint64
	byNode := map[string]*SessionStatus{}
	for _, x := range all {
		if x.Fenced {
			fenced++
			continue
		}
		n := byNode[x.Owner]
		if n == nil {
			n = &SessionStatus{Owner: x.Owner}
			byNode[x.Owner] = n
		}
		n.Calls += x.Calls
		n.Read += x.Read
		n.ReadCached += x.ReadCached
		n.Written += x.Written
	}
	s.gauge("sessions", float64(fenced), "fenced")
	s.gauge("sessions", float64(uint64(len(all))-fenced), "open")
	nodes := slices.SortedFunc(maps.Values(byNode), func(a, b *SessionStatus) int {
		return cmp.Or(cmp.Compare(b.Read+b.Written, a.Read+a.Written), cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Owner, b.Owner))
	})
	for _, n := range nodes[:min(len(nodes), maxNodes)] {
		name := strings.TrimPrefix(n.Owner, string(identity.RoleAgent)+"/")
		s.counter("node_calls_total", n.Calls, name)
		s.counter("node_read_bytes_total", n.ReadCached, name, "cache")
		s.counter("node_read_bytes_total", n.Read-min(n.ReadCached, n.Read), name, "origin")
		s.counter("node_written_bytes_total", n.Written, name)
	}
}

// MetricsHandler answers /metrics for Prometheus and /status as JSON, without secrets and without authentication: it
// belongs on an address that only the site's monitoring reaches.
func (f *Filer) MetricsHandler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newMetrics(f), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /status", f.serveStatus)
	return mux
}

func (f *Filer) serveStatus(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(f.Status()); err != nil {
		f.log.Debug("status", "error", err)
	}
}
