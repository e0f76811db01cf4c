package rest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/server/rest"
	"github.com/spillway/spillway/internal/server/rest/resttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "a-token-of-the-tests-0123456789"

// fixture is a farm with one job of 24 frames, its API and a client that holds the token.
type fixture struct {
	t    *testing.T
	farm *resttest.Farm
	web  *httptest.Server
	job  string
	logs *bytes.Buffer
}

func start(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, farm: resttest.New(time.Now), logs: new(bytes.Buffer)}
	h, err := rest.New(rest.Config{
		Jobs: f.farm, Fleet: f.farm, Streams: f.farm, Sharing: f.farm, Door: f.farm, Users: f.farm, Ledger: f.farm, Token: token, Version: "0.0.0-test", Commit: "abc",
		Web: fstest.MapFS{"index.html": {Data: []byte("<!doctype html>page")}, "assets/app-1.js": {Data: []byte("1")}},
		Log: slog.New(slog.NewTextHandler(f.logs, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	f.web = httptest.NewServer(h)
	t.Cleanup(func() {
		f.farm.Cut()
		f.web.CloseClientConnections()
		f.web.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	f.farm.Node(restv1.Node{ID: "ws-01", Site: "studio", State: "online", VCPUs: 1}, "joined")
	f.farm.Pool(restv1.Pool{ID: "burst", Site: "cloud", Max: 2})
	f.farm.Decide("burst", 0, 2, "home needs 210s, the deadline is in 95s", "")
	f.farm.SetFilers(restv1.Filer{Name: "edge", OK: true}, restv1.Filer{Name: "cloud", Error: "no answer"})
	f.job = f.farm.Add(restv1.Job{Name: "shot", Owner: "ann", Steps: []restv1.Step{{Name: "Render", Units: 24}, {Name: "Encode", Units: 1, DependsOn: []int{0}}}})
	return f
}

// request sends one request with the token and returns status, header and body.
func (f *fixture) request(method, path, body string, header ...string) (int, http.Header, string) {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), method, f.web.URL+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
		if header[i+1] == "" {
			req.Header.Del(header[i])
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(data)
}

// get fetches a JSON value.
func get[T any](f *fixture, path string) T {
	f.t.Helper()
	status, _, body := f.request("GET", path, "")
	if status != http.StatusOK {
		f.t.Fatalf("GET %s: %d %s", path, status, body)
	}
	return decode[T](f.t, body)
}

func decode[T any](t *testing.T, body string) T {
	t.Helper()
	var v T
	d := json.NewDecoder(strings.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return v
}
