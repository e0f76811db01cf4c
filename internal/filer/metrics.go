package filer

import (
	"encoding/json"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics shows the filer's status to Prometheus: counters are kept by the filer itself, so that they survive restarts
// and agree with its Status.
type metrics struct {
	f     *Filer
	descs map[string]*prometheus.Desc
}

var _ prometheus.Collector = (*metrics)(nil)

func newMetrics(f *Filer) *metrics {
	m := &metrics{f: f, descs: map[string]*prometheus.Desc{}}
	def := func(name, help string, labels ...string) {
		m.descs[name] = prometheus.NewDesc("spillway_filer_"+name, help, labels, nil)
	}
	def("origin_read_bytes_total", "File bytes read from the origin.", "export", "cause")
	def("origin_written_bytes_total", "File bytes written to the origin.", "export")
	def("origin_up", "Whether the last call reached the origin.", "export")
	def("unused_bytes", "Bytes primed or read ahead that no client has asked for.", "export")
	def("unique_demand_bytes_total", "Distinct bytes asked for by clients, rounded to blocks.", "export")
	def("calls_total", "NFS calls.", "export")
	def("served_bytes_total", "READ bytes answered.", "export", "from")
	def("uncommitted_bytes", "Bytes acknowledged as unstable and not yet committed.", "export")
	def("cache_used_bytes", "File bytes in the cache.")
	def("cache_capacity_bytes", "File bytes the cache may hold.")
	def("cache_evicted_bytes_total", "File bytes evicted since the start.")
	def("cache_inodes", "Inodes in memory.")
	def("sessions", "Mount sessions.", "state")
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

// Collect sends the present values.
func (m *metrics) Collect(out chan<- prometheus.Metric) {
	send := func(name string, kind prometheus.ValueType, v uint64, labels ...string) {
		out <- prometheus.MustNewConstMetric(m.descs[name], kind, float64(v), labels...)
	}
	s := m.f.Status()
	for _, e := range s.Exports {
		send("origin_read_bytes_total", prometheus.CounterValue, e.ReadDemand, e.Path, "demand")
		send("origin_read_bytes_total", prometheus.CounterValue, e.ReadAhead, e.Path, "readahead")
		send("origin_read_bytes_total", prometheus.CounterValue, e.ReadPrimed, e.Path, "priming")
		send("origin_written_bytes_total", prometheus.CounterValue, e.Written, e.Path)
		up := uint64(1)
		if e.OriginError != "" {
			up = 0
		}
		send("origin_up", prometheus.GaugeValue, up, e.Path)
		send("unused_bytes", prometheus.GaugeValue, e.Unused, e.Path)
		send("unique_demand_bytes_total", prometheus.CounterValue, e.UniqueDemand, e.Path)
		send("calls_total", prometheus.CounterValue, e.Calls, e.Path)
		send("served_bytes_total", prometheus.CounterValue, e.ServedHits, e.Path, "cache")
		send("served_bytes_total", prometheus.CounterValue, e.Served-min(e.ServedHits, e.Served), e.Path, "origin")
		send("uncommitted_bytes", prometheus.GaugeValue, e.Dirty, e.Path)
	}
	send("cache_used_bytes", prometheus.GaugeValue, s.Cache.Used)
	send("cache_capacity_bytes", prometheus.GaugeValue, s.Cache.Capacity)
	send("cache_evicted_bytes_total", prometheus.CounterValue, s.Cache.Evicted)
	send("cache_inodes", prometheus.GaugeValue, s.Cache.Inodes)
	send("locks", prometheus.GaugeValue, uint64(s.Locks.Locks))
	send("lock_waits", prometheus.GaugeValue, uint64(s.Locks.Waiting))
	send("lock_clients", prometheus.GaugeValue, uint64(s.Locks.Clients))
	send("locks_lost_total", prometheus.CounterValue, s.Locks.Lost)
	var fenced uint64
	for _, x := range s.Sessions {
		if x.Fenced {
			fenced++
		}
	}
	send("sessions", prometheus.GaugeValue, fenced, "fenced")
	send("sessions", prometheus.GaugeValue, uint64(len(s.Sessions))-fenced, "open")
}

// MetricsHandler answers /metrics for Prometheus and /status as JSON, without secrets and without authentication: it
// belongs on an address that only the site's monitoring reaches.
func (f *Filer) MetricsHandler() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newMetrics(f))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(f.Status()); err != nil {
			f.log.Debug("status", "error", err)
		}
	})
	return mux
}
