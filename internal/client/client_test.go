package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dial starts a server that answers with h, and a client for it.
func dial(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	web := httptest.NewServer(h)
	t.Cleanup(web.Close)
	c, err := New(Config{Server: web.URL + "/", Token: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func problem(w http.ResponseWriter, status int, code, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"status":%d,"code":%q,"detail":%q,"hint":"do this"}`, status, code, detail)
}

func TestSubmitIsRepeatedUnderOneKey(t *testing.T) {
	var calls atomic.Int32
	c := dial(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Idempotency-Key") != "k" || r.Header.Get("Authorization") != "Bearer secret" || r.URL.Path != "/api/v1/jobs" {
			t.Errorf("%s %v", r.URL, r.Header)
		}
		switch calls.Add(1) {
		case 1:
			problem(w, 503, "unavailable", "the store is away")
		case 2:
			panic(http.ErrAbortHandler) // the connection breaks
		default:
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, `{"id":"j1"}`)
		}
	})
	job, created, err := c.Submit(t.Context(), restv1.Submission{Template: "x"}, "k")
	if err != nil || job.ID != "j1" || !created || calls.Load() != 3 {
		t.Errorf("%v %v %v after %d calls", job.ID, created, err, calls.Load())
	}
}

func TestWhatMustNotBeRepeatedIsNot(t *testing.T) {
	var calls atomic.Int32
	c := dial(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		problem(w, 503, "unavailable", "the store is away")
	})
	if _, err := c.Retry(t.Context(), "j1"); fault.KindOf(err) != fault.Unavailable || calls.Load() != 1 {
		t.Errorf("%v after %d calls", err, calls.Load())
	}
	if _, _, err := c.Submit(t.Context(), restv1.Submission{}, ""); err == nil || calls.Load() != 2 {
		t.Errorf("%v after %d calls", err, calls.Load())
	}
}

func TestErrors(t *testing.T) {
	answers := map[string]func(http.ResponseWriter){
		"/api/v1/jobs/problem": func(w http.ResponseWriter) { problem(w, 404, "not_found", "no job") },
		"/api/v1/jobs/fields": func(w http.ResponseWriter) {
			w.WriteHeader(422)
			fmt.Fprint(w, `{"code":"invalid","detail":"x","errors":[{"location":"body.a","message":"is wrong"},{"message":"so is this"}]}`)
		},
		"/api/v1/jobs/proxy":  func(w http.ResponseWriter) { http.Error(w, "<html>", http.StatusTeapot) },
		"/api/v1/jobs/broken": func(w http.ResponseWriter) { w.Header().Set("Content-Length", "100"); fmt.Fprint(w, `{"id":`) },
	}
	c := dial(t, func(w http.ResponseWriter, r *http.Request) { answers[r.URL.Path](w) })
	for id, want := range map[string]struct {
		kind fault.Kind
		text string
		hint string
	}{
		"problem": {fault.NotFound, "no job", "do this"},
		"fields":  {fault.Invalid, "body.a: is wrong; so is this", ""},
		"proxy":   {fault.Invalid, "418", "Spillway server"},
		"broken":  {fault.Unavailable, "broke off", ""},
	} {
		_, err := c.Job(t.Context(), id)
		if fault.KindOf(err) != want.kind || !strings.Contains(err.Error(), want.text) || !strings.Contains(fault.HintOf(err), want.hint) {
			t.Errorf("%s: %v %v (%s)", id, fault.KindOf(err), err, fault.HintOf(err))
		}
	}
	if _, err := New(Config{Server: "ftp://x"}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("ftp: %v", err)
	}
}

func TestUnknownCAIsExplained(t *testing.T) {
	web := httptest.NewTLSServer(http.NotFoundHandler())
	defer web.Close()
	web.Config.ErrorLog = nil
	c, err := New(Config{Server: web.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Version(t.Context()); fault.KindOf(err) != fault.Denied || !strings.Contains(fault.HintOf(err), "--ca") {
		t.Errorf("%v (%s)", err, fault.HintOf(err))
	}
}

func TestEventsComeBack(t *testing.T) {
	var calls atomic.Int32
	c := dial(t, func(w http.ResponseWriter, r *http.Request) {
		switch calls.Add(1) {
		case 1:
			if r.URL.RawQuery != "last=2" {
				t.Errorf("query %q", r.URL.RawQuery)
			}
			fmt.Fprint(w, "retry: 1\n\n: beat\nevent: beat\ndata: {}\n\nid: 7\ndata: {\"seq\":7,\"reason\":\"r\"}\n\nid: 8\ndata: {\"se")
		case 2:
			if r.URL.RawQuery != "after=7" {
				t.Errorf("query %q", r.URL.RawQuery)
			}
			fmt.Fprint(w, "id: 8\ndata: {\"seq\":8}\n\n")
		default:
			fmt.Fprint(w, "event: reset\ndata: {}\n\n")
		}
	})
	var seen []uint64
	err := c.Events(t.Context(), nil, 2, func(e restv1.Event) error { seen = append(seen, e.Seq); return nil })
	if !errors.Is(err, ErrGap) || fmt.Sprint(seen) != "[7 8]" {
		t.Errorf("%v %v", seen, err)
	}
}

func TestEventsEndWithTheReader(t *testing.T) {
	c := dial(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "id: 1\ndata: {\"seq\":1}\n\n") })
	stop := errors.New("enough")
	if err := c.Events(t.Context(), nil, 0, func(restv1.Event) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := c.Events(ctx, nil, 0, func(restv1.Event) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestLogGoesOnWhereItBroke(t *testing.T) {
	var calls atomic.Int32
	c := dial(t, func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			w.Header().Set("Spillway-Log-Offset", "90")
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "0123456789")
			return
		}
		if got := r.URL.Query().Get("offset"); got != "100" {
			t.Errorf("offset %s", got)
		}
		w.Header().Set("Spillway-Log-Offset", "100")
		fmt.Fprint(w, "ab")
	})
	var out strings.Builder
	if err := c.CopyLog(t.Context(), &out, "a1", -10, true); err != nil || out.String() != "0123456789ab" {
		t.Errorf("%q %v", out.String(), err)
	}
}

func TestResolve(t *testing.T) {
	server, home := t.TempDir(), t.TempDir()
	env := func(pairs ...string) func(string) string {
		return func(name string) string {
			for i := 0; i < len(pairs); i += 2 {
				if pairs[i] == name {
					return pairs[i+1]
				}
			}
			return ""
		}
	}
	if err := os.WriteFile(filepath.Join(server, "admin.token"), []byte("from-server\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (Context{Server: "https://farm:1", TokenFile: "admin.token", CA: "ca.pem"}).Save(server); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(home, ".config", "spillway"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := (Context{Server: "https://home:1", Token: "from-home"}).Save(filepath.Join(home, ".config", "spillway")); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		given Config
		env   func(string) string
		want  Config
	}{
		"all given":      {Config{"https://a", "t", "c"}, env("SPILLWAY_DIR", "/nonexistent"), Config{"https://a", "t", "c"}},
		"server's":       {Config{}, env("SPILLWAY_DIR", server, "HOME", home), Config{"https://farm:1", "from-server", filepath.Join(server, "ca.pem")}},
		"home's":         {Config{}, env("HOME", home), Config{"https://home:1", "from-home", ""}},
		"token given":    {Config{Token: "t"}, env("HOME", home), Config{"https://home:1", "t", ""}},
		"another server": {Config{Server: "https://other"}, env("HOME", home), Config{"https://other", "", ""}},
	} {
		got, err := Resolve(c.given, c.env)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
	if _, err := Resolve(Config{}, env()); fault.KindOf(err) != fault.Invalid || fault.HintOf(err) == "" {
		t.Errorf("nothing known: %v", err)
	}
	if err := os.WriteFile(filepath.Join(server, ContextFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Resolve(Config{}, env("SPILLWAY_DIR", server)); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a broken file: %v", err)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"shot", "shot", 0}, {"shto", "shot", 2}, {"", "abc", 3}, {"kitten", "sitting", 3}, {"abcdef", "", 5}} {
		if got := distance(c.a, c.b, 5); got != c.want {
			t.Errorf("%q to %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
