package rest_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/rest"
	"github.com/spillway/spillway/internal/server/rest/resttest"
)

func TestDoor(t *testing.T) {
	f := start(t)
	for name, c := range map[string]struct {
		auth   string
		status int
	}{
		"no token":       {"", 401},
		"wrong token":    {"Bearer not-the-token", 401},
		"empty token":    {"Bearer ", 401},
		"another scheme": {"Basic YTpi", 401},
		"right":          {"Bearer " + token, 200},
		"case of scheme": {"bearer " + token, 200},
	} {
		status, header, body := f.request("GET", "/api/v1/jobs", "", "Authorization", c.auth)
		if status != c.status {
			t.Errorf("%s: %d %s", name, status, body)
		}
		if status == 401 && (header.Get("WWW-Authenticate") == "" || decode[restv1.Problem](t, body).Code != "denied") {
			t.Errorf("%s: %v %s", name, header, body)
		}
	}
	for _, path := range []string{"/api/v1/version", "/api/v1/openapi.json", "/"} {
		if status, _, _ := f.request("GET", path, "", "Authorization", ""); status != 200 {
			t.Errorf("%s needs a token: %d", path, status)
		}
	}
	for _, path := range []string{"/api/v1/summary", "/api/v1/events", "/api/v1/pictures/a/0", "/api/v1/attempts/a/log", "/api/v1/nothing"} {
		if status, _, _ := f.request("GET", path, "", "Authorization", ""); status != 401 {
			t.Errorf("%s needs no token: %d", path, status)
		}
	}
}

func TestSessionCookie(t *testing.T) {
	f := start(t)
	if status, _, body := f.request("POST", "/api/v1/session", `{"token":"guess"}`, "Authorization", ""); status != 401 {
		t.Fatalf("a wrong token signs in: %d %s", status, body)
	}
	status, header, body := f.request("POST", "/api/v1/session", `{"token":"`+token+`"}`, "Authorization", "")
	set := header.Get("Set-Cookie")
	if status != http.StatusNoContent || !strings.Contains(set, "HttpOnly") || !strings.Contains(set, "SameSite=Strict") || strings.Contains(set, token) {
		t.Fatalf("%d %q %s", status, set, body)
	}
	cookie, _, _ := strings.Cut(set, ";")
	if status, _, body := f.request("GET", "/api/v1/jobs", "", "Authorization", "", "Cookie", cookie); status != 200 {
		t.Errorf("the cookie does not open: %d %s", status, body)
	}
	for name, wrong := range map[string]string{
		"later expiry": strings.Replace(cookie, "=1", "=9", 1), "no MAC": strings.SplitN(cookie, ".", 2)[0], "garbage": "spillway_session=x", "expired": "spillway_session=1.x",
	} {
		if status, _, _ := f.request("GET", "/api/v1/jobs", "", "Authorization", "", "Cookie", wrong); status != 401 {
			t.Errorf("%s opens: %d", name, status)
		}
	}
	// A page of another origin cannot act with the cookie.
	status, _, _ = f.request("POST", "/api/v1/jobs/"+f.job+"/cancel", "", "Authorization", "", "Cookie", cookie, "Sec-Fetch-Site", "cross-site")
	if status != http.StatusForbidden {
		t.Errorf("a cross-site request passes: %d", status)
	}
	if _, header, _ := f.request("DELETE", "/api/v1/session", "", "Authorization", ""); !strings.Contains(header.Get("Set-Cookie"), "Max-Age=0") {
		t.Errorf("sign-out: %q", header.Get("Set-Cookie"))
	}
}

func TestSecureCookieOverTLS(t *testing.T) {
	farm := resttest.New(nil)
	h, err := rest.New(rest.Config{Jobs: farm, Fleet: farm, Streams: farm, Sharing: farm, Door: farm, Users: farm, Ledger: farm, Token: token, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewTLSServer(h)
	defer web.Close()
	resp, err := web.Client().Post(web.URL+"/api/v1/session", "application/json", strings.NewReader(`{"token":"`+token+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if !strings.Contains(resp.Header.Get("Set-Cookie"), "Secure") || resp.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("headers: %v", resp.Header)
	}
	web.Client().CloseIdleConnections()
}

func TestConfigIsChecked(t *testing.T) {
	farm, log := resttest.New(nil), slog.New(slog.NewTextHandler(io.Discard, nil))
	if _, err := rest.New(rest.Config{Log: log}); fault.KindOf(err) != fault.Internal {
		t.Errorf("no backends: %v", err)
	}
	if _, err := rest.New(rest.Config{Jobs: farm, Fleet: farm, Streams: farm, Sharing: farm, Door: farm, Users: farm, Ledger: farm, Token: "short", Log: log}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a short token: %v", err)
	}
}

func TestPageAndHeaders(t *testing.T) {
	f := start(t)
	for path, want := range map[string]struct {
		status      int
		body, cache string
	}{
		"/":                {200, "page", "no-cache"},
		"/jobs/j1":         {200, "page", "no-cache"},
		"/assets/app-1.js": {200, "1", "immutable"},
		"/assets/gone.js":  {404, "", ""},
		"/favicon.ico":     {404, "", ""},
	} {
		status, header, body := f.request("GET", path, "")
		if status != want.status || !strings.Contains(body, want.body) || !strings.Contains(header.Get("Cache-Control"), want.cache) {
			t.Errorf("%s: %d %q %q", path, status, header.Get("Cache-Control"), body)
		}
		if header.Get("Content-Security-Policy") == "" || header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", path, header)
		}
	}
	if status, _, _ := f.request("POST", "/", "x"); status != http.StatusMethodNotAllowed {
		t.Errorf("POST /: %d", status)
	}
}
