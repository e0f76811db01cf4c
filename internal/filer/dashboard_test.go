package filer

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/spillway/spillway/nfs"
	"github.com/spillway/spillway/nfs/nfstest"
)

// expressions are what the dashboard and the alerts ask Prometheus for, by where they stand.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	var board struct {
		Templating struct {
			List []struct{ Name, Query string }
		}
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(readFile(t, "../../deploy/grafana/filer.json"), &board); err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			out[p.Title+": "+target.Expr] = target.Expr
		}
	}
	for _, v := range board.Templating.List {
		if v.Query != "prometheus" {
			out["variable "+v.Name] = v.Query
		}
	}
	var rules struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := yaml.Unmarshal(readFile(t, "../../deploy/prometheus/filer-alerts.yaml"), &rules); err != nil {
		t.Fatal(err)
	}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			out["alert "+r.Alert] = r.Expr
		}
	}
	if len(out) < 30 {
		t.Fatalf("only %d expressions were found", len(out))
	}
	return out
}

var (
	metricName = regexp.MustCompile(`\b(?:spillway_filer|process|go)_[a-z0-9_]+`)
	selector   = regexp.MustCompile(`\b(spillway_filer_[a-z0-9_]+)\{([^}]*)\}`)
	labelMatch = regexp.MustCompile(`([a-z_]+)(?:=~|!~|!=|=)"`)
	grouping   = regexp.MustCompile(`\b(?:by|on)\s*\(([^)]*)\)`)
	labelOf    = regexp.MustCompile(`label_values\((.*), ([a-z_]+)\)`)
)

// base is a metric's name without the endings that a histogram adds, and the labels it has.
func (m *metrics) base(name string) (labels []string, ok bool) {
	name = strings.TrimPrefix(name, "spillway_filer_")
	for _, ending := range []string{"", "_bucket", "_sum", "_count"} {
		short, has := strings.CutSuffix(name, ending)
		if labels, ok = m.labels[short]; has && ok && (ending == "" || strings.HasSuffix(short, "_seconds")) {
			if ending == "_bucket" {
				labels = append(slices.Clone(labels), "le")
			}
			return append(slices.Clone(labels), "instance", "job"), true
		}
	}
	return nil, false
}

// What the dashboard and the alerts ask for is there, with the labels they ask for.
func TestDashboardAndAlertsAskForWhatThereIs(t *testing.T) {
	m := newMetrics(nil)
	for where, expr := range expressions(t) {
		if strings.Count(expr, "(") != strings.Count(expr, ")") || strings.Count(expr, "{") != strings.Count(expr, "}") {
			t.Errorf("%s: brackets do not match", where)
		}
		var groupable []string
		for _, name := range metricName.FindAllString(expr, -1) {
			if strings.HasPrefix(name, "process_") || strings.HasPrefix(name, "go_") {
				continue // of the Prometheus client itself
			}
			labels, ok := m.base(name)
			if !ok {
				t.Errorf("%s: there is no %s", where, name)
			}
			groupable = append(groupable, labels...)
		}
		for _, s := range selector.FindAllStringSubmatch(expr, -1) {
			labels, _ := m.base(s[1])
			for _, l := range labelMatch.FindAllStringSubmatch(s[2], -1) {
				if !slices.Contains(labels, l[1]) {
					t.Errorf("%s: %s has no label %s", where, s[1], l[1])
				}
			}
		}
		for _, g := range grouping.FindAllStringSubmatch(expr, -1) {
			for l := range strings.SplitSeq(g[1], ",") {
				if l = strings.TrimSpace(l); !slices.Contains(groupable, l) {
					t.Errorf("%s: nothing in it has a label %s", where, l)
				}
			}
		}
		if v := labelOf.FindStringSubmatch(expr); v != nil && !slices.Contains(groupable, v[2]) {
			t.Errorf("%s: no label %s", where, v[2])
		}
	}
}

// Every metric is on the dashboard, in an alert, or knowingly only in the documents; all are in the documents.
func TestEveryMetricIsDescribed(t *testing.T) {
	doc := string(readFile(t, "../../docs/filer.md"))
	for name, labels := range newMetrics(nil).labels {
		if !strings.Contains(doc, "`"+name+"`") {
			t.Errorf("docs/filer.md says nothing of %s", name)
		}
		for _, l := range labels {
			if !strings.Contains(doc, "`"+l+"`") {
				t.Errorf("docs/filer.md says nothing of the label %s", l)
			}
		}
	}
}

// A filer at work exports all its metrics, each with the labels it says, and what it counts is what happened.
func TestMetricsOfAFilerAtWork(t *testing.T) {
	fs := nfstest.New()
	want := noise(600<<10, 3)
	fs.Add("a.exr", want)
	up := nfstest.Start(t, fs)
	f := start(t, Config{Exports: []Export{{Path: "/nas", Origin: remote(t, up.Addr, "/"), ReadAhead: -1}}})
	_, secret, err := f.OpenSession("agent/burst-1", "mnt", "/nas")
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, f.addr, secret)
	file := c.look(c.root, "a.exr")
	for range 2 { // in one piece: all of the first is fetched, all of the second is there
		if !bytes.Equal(c.get(file, 1<<20), want) {
			t.Fatal("read something else")
		}
	}
	if _, err := c.Lookup(t.Context(), nil, nfs.LookupArgs{Dir: c.root, Name: "none"}); err == nil {
		t.Fatal("found what is not there")
	}
	c.put(file, 0, want[:4096], nfs.FileSync)

	registry := prometheus.NewPedanticRegistry()
	m := newMetrics(f.Filer)
	registry.MustRegister(m)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values, exported := map[string]float64{}, map[string]bool{}
	for _, family := range families {
		exported[family.GetName()] = true
		for _, sample := range family.Metric {
			key := family.GetName()
			for _, l := range sample.Label {
				key += " " + l.GetValue()
			}
			switch {
			case sample.Histogram != nil:
				values[key] = float64(sample.Histogram.GetSampleCount())
			case sample.Counter != nil:
				values[key] = sample.Counter.GetValue()
			default:
				values[key] = sample.Gauge.GetValue()
			}
		}
	}
	for name := range m.labels {
		if !exported["spillway_filer_"+name] {
			t.Errorf("%s is not exported", name)
		}
	}
	size := float64(len(want))
	for key, want := range map[string]float64{
		"spillway_filer_served_bytes_total /nas cache":            size,
		"spillway_filer_served_bytes_total /nas origin":           size,
		"spillway_filer_origin_read_bytes_total demand /nas":      size,
		"spillway_filer_wan_saved_bytes /nas":                     size,
		"spillway_filer_node_read_bytes_total cache burst-1":      size,
		"spillway_filer_node_read_bytes_total origin burst-1":     size,
		"spillway_filer_node_written_bytes_total burst-1":         4096,
		"spillway_filer_origin_written_bytes_total /nas":          4096,
		"spillway_filer_refused_calls_total LOOKUP NFS3ERR_NOENT": 1,
		"spillway_filer_call_seconds LOOKUP":                      2,
		"spillway_filer_call_seconds WRITE":                       1,
		"spillway_filer_origin_call_seconds /nas WRITE":           1,
		"spillway_filer_origin_up /nas":                           1,
		"spillway_filer_origin_calls_in_flight /nas":              0,
		"spillway_filer_origin_failed_calls_total /nas":           0,
		"spillway_filer_sessions open":                            1,
		"spillway_filer_unused_bytes readahead /nas":              0,
		"spillway_filer_origin_call_seconds /nas READ":            3, // blocks of 256 KiB
	} {
		if got, ok := values[key]; !ok || got != want {
			t.Errorf("%s is %v (%v), want %v", key, got, ok, want)
		}
	}
	if values["spillway_filer_connections"] < 1 {
		t.Error("nobody is connected")
	}
	s := f.Status()
	if len(s.HotFiles) == 0 || s.HotFiles[0].Path != "/nas/a.exr" || s.HotFiles[0].Export != "/nas" {
		t.Errorf("hottest files: %+v", s.HotFiles)
	}
	if len(s.HotClients) != 1 || s.HotClients[0].Node != "agent/burst-1" || s.HotClients[0].Address != "127.0.0.1" {
		t.Errorf("hottest clients: %+v", s.HotClients)
	}
}

// Nodes and files come and go without end; what Prometheus has to keep of one scrape does not grow with them.
func TestMetricsAreBounded(t *testing.T) {
	m := newMetrics(nil)
	out := make(chan prometheus.Metric)
	count := make(chan int)
	go func() {
		n := 0
		for range out {
			n++
		}
		count <- n
	}()
	sessions := make([]SessionStatus, 5000)
	for i := range sessions {
		sessions[i] = SessionStatus{Owner: "agent/n" + strings.Repeat("x", i%1000), Calls: uint64(i)}
	}
	sample{m, out}.sessions(sessions)
	close(out)
	if n := <-count; n > 4*maxNodes+2 {
		t.Errorf("%d values for 1000 nodes", n)
	}
}

func TestDeployedFilesAreWhatPrometheusReads(t *testing.T) {
	var config struct {
		ScrapeConfigs []struct {
			JobName string `yaml:"job_name"`
		} `yaml:"scrape_configs"`
		RuleFiles []string `yaml:"rule_files"`
	}
	if err := yaml.Unmarshal(readFile(t, "../../deploy/prometheus/filer-scrape.yaml"), &config); err != nil {
		t.Fatal(err)
	}
	if len(config.ScrapeConfigs) != 1 || len(config.RuleFiles) != 1 {
		t.Fatalf("%+v", config)
	}
	for _, file := range config.RuleFiles {
		if _, err := os.Stat(filepath.Join("../../deploy/prometheus", file)); err != nil {
			t.Error(err)
		}
	}
	if job, rules := config.ScrapeConfigs[0].JobName, string(readFile(t, "../../deploy/prometheus/filer-alerts.yaml")); !strings.Contains(rules, `up{job="`+job+`"}`) {
		t.Errorf("no alert says that job %s is down", job)
	}
}
