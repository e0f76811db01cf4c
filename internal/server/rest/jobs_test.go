package rest_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/fault"
)

func TestSubmitIsIdempotentByKey(t *testing.T) {
	f := start(t)
	body := `{"template":"name: x","parameters":{"Frames":"1-24"},"name":"shot 2","owner":"ann"}`
	status, header, text := f.request("POST", "/api/v1/jobs", body, "Idempotency-Key", "k1")
	first := decode[restv1.Job](t, text)
	if status != http.StatusCreated || header.Get("Location") != "/api/v1/jobs/"+first.ID {
		t.Fatalf("%d %q %s", status, header.Get("Location"), text)
	}
	status, _, text = f.request("POST", "/api/v1/jobs", body, "Idempotency-Key", "k1")
	if again := decode[restv1.Job](t, text); status != http.StatusOK || again.ID != first.ID {
		t.Errorf("the second submit gave %d and job %s, want 200 and %s", status, again.ID, first.ID)
	}
	status, _, text = f.request("POST", "/api/v1/jobs", strings.Replace(body, "shot 2", "shot 3", 1), "Idempotency-Key", "k1")
	if p := decode[restv1.Problem](t, text); status != http.StatusConflict || p.Code != "conflict" {
		t.Errorf("the key with another job: %d %s", status, text)
	}
	if got := get[restv1.Job](f, "/api/v1/jobs/"+first.ID); got.Parameters["Frames"] != "1-24" {
		t.Errorf("parameters: %v", got.Parameters)
	}
}

func TestJobEndpoints(t *testing.T) {
	f := start(t)
	a := f.farm.Start(f.job, 0, 3, "ws-01")
	f.farm.Progress(a, 0.5)
	b := f.farm.Start(f.job, 0, 7, "ws-01")
	f.farm.Fail(b, 1, "blender left with 1")
	f.farm.Explain(f.job, "1 task failed", restv1.WhyReason{Step: "Render", Count: 1, Of: "units", Text: "failed"})

	if list := get[restv1.JobList](f, "/api/v1/jobs?state=active&limit=5"); len(list.Jobs) != 1 || list.Jobs[0].ID != f.job {
		t.Errorf("jobs: %+v", list)
	}
	if list := get[restv1.JobList](f, "/api/v1/jobs?before="+f.job); list.Jobs == nil || len(list.Jobs) != 0 {
		t.Errorf("jobs before the first: %+v", list)
	}
	counts := get[restv1.Job](f, "/api/v1/jobs/"+f.job).Steps[0].Counts
	if counts != (restv1.Counts{Pending: 22, Running: 1, Failed: 1}) {
		t.Errorf("counts: %+v", counts)
	}
	page := get[restv1.UnitPage](f, "/api/v1/jobs/"+f.job+"/units?limit=1")
	if len(page.Units) != 1 || page.Units[0].Unit != 3 || page.Units[0].Progress != 0.5 || page.Next == nil || *page.Next != 7 {
		t.Errorf("first page: %+v", page)
	}
	page = get[restv1.UnitPage](f, "/api/v1/jobs/"+f.job+"/units?limit=1&from=7")
	if len(page.Units) != 1 || page.Units[0].State != "failed" || page.Next != nil {
		t.Errorf("last page: %+v", page)
	}
	if list := get[restv1.AttemptList](f, "/api/v1/jobs/"+f.job+"/attempts"); len(list.Attempts) != 2 || list.Attempts[0].ID != b {
		t.Errorf("attempts: %+v", list)
	}
	if list := get[restv1.AttemptList](f, "/api/v1/jobs/"+f.job+"/attempts?step=0&unit=3"); len(list.Attempts) != 1 || list.Attempts[0].ID != a {
		t.Errorf("attempts of unit 3: %+v", list)
	}
	if w := get[restv1.Why](f, "/api/v1/jobs/"+f.job+"/why"); w.Summary != "1 task failed" || len(w.Reasons) != 1 {
		t.Errorf("why: %+v", w)
	}
	if status, _, body := f.request("POST", "/api/v1/jobs/"+f.job+"/retry", ""); status != 200 || decode[restv1.Job](t, body).Steps[0].Counts.Failed != 0 {
		t.Errorf("retry: %d %s", status, body)
	}
	if status, _, body := f.request("POST", "/api/v1/jobs/"+f.job+"/retry", ""); status != http.StatusConflict {
		t.Errorf("retry of nothing: %d %s", status, body)
	}
	if status, _, body := f.request("POST", "/api/v1/jobs/"+f.job+"/cancel", ""); status != 200 || decode[restv1.Job](t, body).State != "canceled" {
		t.Errorf("cancel: %d %s", status, body)
	}
}

func TestFleetEndpoints(t *testing.T) {
	f := start(t)
	a := f.farm.Start(f.job, 0, 0, "ws-01")
	if s := get[restv1.Summary](f, "/api/v1/summary"); s.Units.Running != 1 || s.Version != "0.0.0-test" || len(s.Sites) != 1 || s.Sites[0].Busy != 1 {
		t.Errorf("summary: %+v", s)
	}
	if n := get[restv1.NodeList](f, "/api/v1/nodes"); len(n.Nodes) != 1 || len(n.Nodes[0].Work) != 1 || n.Nodes[0].Work[0].Attempt != a {
		t.Errorf("nodes: %+v", n)
	}
	if p := get[restv1.PoolList](f, "/api/v1/pools"); len(p.Pools) != 1 || p.Pools[0].Wanted != 2 {
		t.Errorf("pools: %+v", p)
	}
	status, _, body := f.request("POST", "/api/v1/pools/burst/autoscale/evaluate", `{"formula":"$TargetDedicatedNodes = 2"}`)
	if run := decode[restv1.AutoscaleRun](t, body); status != http.StatusOK || run.Nodes != 2 || run.Timestamp.IsZero() {
		t.Errorf("a formula: %d %s", status, body)
	}
	for path, want := range map[string]int{"/pools/bursty/autoscale/evaluate": http.StatusNotFound, "/pools/burst/autoscale/evaluate": http.StatusUnprocessableEntity} {
		if status, _, body := f.request("POST", "/api/v1"+path, `{}`); status != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	if status, _, body := f.request("POST", "/api/v1/pools/burst/autoscale/evaluate", `{"formula":"x"}`, "Authorization", ""); status != http.StatusUnauthorized {
		t.Errorf("a formula without a token: %d %s", status, body)
	}
	if l := get[restv1.AutoscaleSampleList](f, "/api/v1/pools/burst/autoscale/samples"); l.Samples == nil {
		t.Errorf("samples: %+v", l)
	}
	if d := get[restv1.DecisionList](f, "/api/v1/decisions?limit=1"); len(d.Decisions) != 1 || d.Decisions[0].Want != 2 {
		t.Errorf("decisions: %+v", d)
	}
	if l := get[restv1.FilerList](f, "/api/v1/filers"); len(l.Filers) != 2 || l.Filers[1].OK {
		t.Errorf("filers: %+v", l)
	}
	status, _, body = f.request("POST", "/api/v1/tokens", `{"role":"agent","names":"ws-*","site":"studio","uses":3,"lifeSeconds":60}`)
	if made := decode[restv1.Token](t, body); status != http.StatusCreated || made.Secret == "" || made.Uses != 3 || made.Expires.IsZero() {
		t.Errorf("token: %d %s", status, body)
	}
	if status, _, body := f.request("POST", "/api/v1/tokens", `{"role":"server","names":"x"}`); status != http.StatusUnprocessableEntity {
		t.Errorf("a server's token: %d %s", status, body)
	}
	if status, _, body := f.request("POST", "/api/v1/tokens", `{"role":"agent","names":"x"}`, "Authorization", ""); status != http.StatusUnauthorized {
		t.Errorf("a token without a token: %d %s", status, body)
	}
	if got := get[restv1.Attempt](f, "/api/v1/attempts/"+a); got.State != "running" || got.Site != "studio" {
		t.Errorf("attempt: %+v", got)
	}
}

func TestProblems(t *testing.T) {
	f := start(t)
	big, _ := json.Marshal(strings.Repeat("x", 4<<20+1))
	huge := `{"template":"` + strings.Repeat("x", 11<<20) + `"}`
	for name, c := range map[string]struct {
		method, path, body string
		status             int
		code, mention      string
	}{
		"bad JSON":            {"POST", "/api/v1/jobs", `{"template":`, 400, "invalid", "body"},
		"not an object":       {"POST", "/api/v1/jobs", `[]`, 422, "invalid", "object"},
		"unknown field":       {"POST", "/api/v1/jobs", `{"template":"name: x","polcy":""}`, 422, "invalid", "polcy"},
		"missing field":       {"POST", "/api/v1/jobs", `{}`, 422, "invalid", "template"},
		"wrong type":          {"POST", "/api/v1/jobs", `{"template":5}`, 422, "invalid", "template"},
		"bad parameter type":  {"POST", "/api/v1/jobs", `{"template":"name: x","parameters":{"A":1}}`, 422, "invalid", "parameters"},
		"no body":             {"POST", "/api/v1/jobs", "", 400, "invalid", "body"},
		"template too large":  {"POST", "/api/v1/jobs", `{"template":` + string(big) + `}`, 422, "invalid", "4 MiB"},
		"body too large":      {"POST", "/api/v1/jobs", huge, 413, "exhausted", "too large"},
		"rejected by farm":    {"POST", "/api/v1/jobs", `{"template":"steps: []"}`, 422, "invalid", "name is missing"},
		"unknown job":         {"GET", "/api/v1/jobs/j404", "", 404, "not_found", "j404"},
		"unknown job's units": {"GET", "/api/v1/jobs/j404/units", "", 404, "not_found", "j404"},
		"unknown step":        {"GET", "/api/v1/jobs/" + f.job + "/units?step=9", "", 404, "not_found", "step"},
		"cancel unknown":      {"POST", "/api/v1/jobs/j404/cancel", "", 404, "not_found", "j404"},
		"unknown attempt":     {"GET", "/api/v1/attempts/a404", "", 404, "not_found", "a404"},
		"unknown log":         {"GET", "/api/v1/attempts/a404/log", "", 404, "not_found", "a404"},
		"unknown picture":     {"GET", "/api/v1/pictures/a404/0", "", 404, "not_found", "a404"},
		"pictures of no job":  {"GET", "/api/v1/jobs/j404/pictures", "", 404, "not_found", "j404"},
		"picture of no index": {"GET", "/api/v1/pictures/a404/x", "", 422, "invalid", "index"},
		"bad cursor":          {"GET", "/api/v1/events?after=soon", "", 422, "invalid", "soon"},
		"bad limit":           {"GET", "/api/v1/jobs?limit=0", "", 422, "invalid", "limit"},
		"limit no number":     {"GET", "/api/v1/jobs?limit=all", "", 422, "invalid", "limit"},
		"bad state":           {"GET", "/api/v1/jobs?state=done", "", 422, "invalid", "state"},
		"bad offset":          {"GET", "/api/v1/attempts/a404/log?offset=x", "", 422, "invalid", "offset"},
		"unknown query":       {"GET", "/api/v1/jobs?colour=red", "", 422, "invalid", "colour"},
		"long id":             {"GET", "/api/v1/jobs/" + strings.Repeat("j", 65), "", 422, "invalid", "id"},
		"no such endpoint":    {"GET", "/api/v1/widgets", "", 404, "not_found", "endpoint"},
		"wrong method":        {"DELETE", "/api/v1/jobs", "", 405, "invalid", "DELETE"},
	} {
		t.Run(name, func(t *testing.T) {
			f.t = t
			status, header, body := f.request(c.method, c.path, c.body)
			if status != c.status || header.Get("Content-Type") != "application/problem+json" {
				t.Fatalf("%d %s: %.300s", status, header.Get("Content-Type"), body)
			}
			p := decode[restv1.Problem](t, body)
			if p.Status != status || p.Code != c.code || p.Type != "urn:spillway:problem:"+c.code {
				t.Errorf("problem: %+v", p)
			}
			if !strings.Contains(body, c.mention) {
				t.Errorf("%q is not in %.300s", c.mention, body)
			}
			if len(body) > 2000 {
				t.Errorf("the answer echoes the request: %d bytes", len(body))
			}
		})
	}
}

func TestBackendErrorsMapOnce(t *testing.T) {
	f := start(t)
	for kind, status := range map[fault.Kind]int{
		fault.Invalid: 422, fault.NotFound: 404, fault.Conflict: 409, fault.Exhausted: 429, fault.Unavailable: 503, fault.Denied: 403, fault.Internal: 500,
	} {
		f.farm.Break(fault.WithHint(fault.New(kind, "the store is %s", "secret-cause"), "wait"))
		for _, path := range []string{"/summary", "/jobs", "/jobs/x", "/nodes", "/pools", "/decisions", "/filers", "/events", "/attempts/x", "/attempts/x/log", "/pictures/x/0"} {
			got, _, body := f.request("GET", "/api/v1"+path, "")
			p := decode[restv1.Problem](t, body)
			if got != status || p.Code != kind.String() || p.Hint == "" {
				t.Errorf("%v at %s: %d %+v", kind, path, got, p)
			}
			if hidden := !strings.Contains(body, "secret-cause"); hidden != (kind == fault.Internal) {
				t.Errorf("%v at %s: %s", kind, path, body)
			}
		}
	}
	f.farm.Break(errors.New("plain"))
	if _, _, body := f.request("GET", "/api/v1/jobs", ""); !strings.Contains(body, "inside the server") || !strings.Contains(f.logs.String(), "plain") {
		t.Errorf("an unclassified error: %s; log: %s", body, f.logs)
	}
}
