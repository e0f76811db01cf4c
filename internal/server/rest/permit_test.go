package rest_test

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/access"
	"github.com/spillway/spillway/internal/server/rest"
)

// TestEveryOperationNamesItsPermission: and every one that changes something says how the audit calls it.
func TestEveryOperationNamesItsPermission(t *testing.T) {
	public := []string{"get-version", "post-session", "delete-session"}
	unaudited := []string{"post-session", "delete-session", "post-limits-id-report", "post-pools-id-autoscale-evaluate"}
	for _, op := range rest.Operations() {
		switch {
		case op.Public != slices.Contains(public, op.ID):
			t.Errorf("%s: public is %v", op.ID, op.Public)
		case !op.Public && !slices.Contains(access.Permissions(), op.Needs):
			t.Errorf("%s needs the permission %q; register it with needs", op.ID, op.Needs)
		}
		changes := op.Method != http.MethodGet
		if op.Unaudited != slices.Contains(unaudited, op.ID) {
			t.Errorf("%s: unaudited is %v", op.ID, op.Unaudited)
		}
		if changes != (op.Audit != "" || op.Unaudited) {
			t.Errorf("%s is a %s, and the audit calls it %q; register it with audited", op.ID, op.Method, op.Audit)
		}
	}
}

// TestDocsListPermissions: docs/users.md says of every operation what it needs.
func TestDocsListPermissions(t *testing.T) {
	text, err := os.ReadFile("../../../docs/users.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range rest.Operations() {
		if op.Public {
			continue
		}
		row := regexp.MustCompile("(?m)^\\| `" + regexp.QuoteMeta(string(op.Needs)) + "` \\|.*`" + regexp.QuoteMeta(op.Method+" "+op.Path) + "`")
		if !row.Match(text) {
			t.Errorf("docs/users.md does not list %s %s under %s", op.Method, op.Path, op.Needs)
		}
	}
}

// as is a fixture's user with a token; it returns the header that shows it.
func (f *fixture) as(name string, roles ...string) string {
	f.t.Helper()
	if _, err := f.farm.SetUser(f.t.Context(), name, restv1.UserChange{Roles: &roles}); err != nil {
		f.t.Fatal(err)
	}
	tok, err := f.farm.AddAPIToken(f.t.Context(), name, restv1.APITokenRequest{LifeSeconds: 60})
	if err != nil {
		f.t.Fatal(err)
	}
	return "Bearer " + tok.Secret
}

func TestWhoMayDoWhat(t *testing.T) {
	f := start(t)
	alpha := f.farm.Add(restv1.Job{Name: "a", Owner: "mara", Project: "alpha", Steps: []restv1.Step{{Name: "Render", Units: 1}}})
	beta := f.farm.Add(restv1.Job{Name: "b", Owner: "tom", Project: "beta", Steps: []restv1.Step{{Name: "Render", Units: 1}}})
	mara, tom := f.as("mara", "artist:alpha"), f.as("tom", "artist", "wrangler:alpha")
	wrangler, admin, nobody := f.as("wim", "wrangler"), f.as("ada", "admin"), f.as("nell")
	for _, tt := range []struct {
		who, method, path, body string
		status                  int
	}{
		{mara, "GET", "/jobs/" + alpha, "", 200},
		{mara, "GET", "/jobs/" + beta, "", 404},
		{mara, "POST", "/jobs/" + alpha + "/cancel", "", 200},
		{mara, "POST", "/jobs/" + beta + "/cancel", "", 404},
		{mara, "GET", "/jobs/" + f.job, "", 404}, // of no project
		{mara, "GET", "/nodes", "", 200},
		{mara, "GET", "/me", "", 200},
		{mara, "PUT", "/queues/q", `{}`, 403},
		{mara, "GET", "/users", "", 403},
		{mara, "GET", "/users/mara/tokens", "", 200},
		{mara, "GET", "/users/tom/tokens", "", 403},
		{mara, "POST", "/users/mara/tokens", `{}`, 201},
		{mara, "POST", "/users/tom/tokens", `{}`, 403},
		{mara, "PUT", "/users/mara", `{"roles":["admin"]}`, 403},
		{mara, "POST", "/tokens", `{"role":"agent","names":"x"}`, 403},
		{mara, "GET", "/audit", "", 403},
		{mara, "POST", "/jobs", `{"template":"name: x"}`, 201},
		{mara, "POST", "/jobs", `{"template":"name: x","project":"beta"}`, 403},
		{mara, "POST", "/jobs", `{"template":"name: x","owner":"tom"}`, 403},
		{tom, "GET", "/jobs/" + alpha, "", 200},
		{tom, "POST", "/jobs/" + alpha + "/retry", "", 409},  // he may, and there is nothing to retry
		{tom, "POST", "/jobs/" + f.job + "/cancel", "", 403}, // ann's
		{tom, "POST", "/jobs", `{"template":"name: x","project":"alpha","owner":"mara"}`, 201},
		{tom, "POST", "/jobs", `{"template":"name: x","project":"beta","owner":"mara"}`, 403},
		{wrangler, "PUT", "/queues/q", `{}`, 200},
		{wrangler, "POST", "/jobs/" + beta + "/cancel", "", 200},
		{wrangler, "POST", "/tokens", `{"role":"agent","names":"x"}`, 403},
		{wrangler, "GET", "/audit", "", 403},
		{admin, "GET", "/audit", "", 200},
		{admin, "PUT", "/users/zoe", `{"roles":["artist"]}`, 200},
		{admin, "POST", "/tokens", `{"role":"agent","names":"x"}`, 201},
		{nobody, "GET", "/nodes", "", 403},
		{nobody, "GET", "/jobs", "", 403},
		{nobody, "POST", "/jobs", `{"template":"name: x"}`, 403},
	} {
		status, _, body := f.request(tt.method, "/api/v1"+tt.path, tt.body, "Authorization", tt.who)
		if status != tt.status {
			t.Errorf("%s: %s %s %s: %d, want %d: %s", tt.who, tt.method, tt.path, tt.body, status, tt.status, body)
		}
		if status == http.StatusForbidden && decode[restv1.Problem](t, body).Hint == "" {
			t.Errorf("%s %s: a refusal without a hint: %s", tt.method, tt.path, body)
		}
	}
}

// TestSubmitterFillsIn: who submits owns, and somebody of one project submits to that.
func TestSubmitterFillsIn(t *testing.T) {
	f := start(t)
	_, _, body := f.request("POST", "/api/v1/jobs", `{"template":"name: x"}`, "Authorization", f.as("mara", "artist:alpha"))
	if j := decode[restv1.Job](t, body); j.Owner != "mara" || j.Project != "alpha" {
		t.Errorf("the job is %s's, of %q", j.Owner, j.Project)
	}
	status, _, body := f.request("POST", "/api/v1/jobs", `{"template":"name: x"}`, "Authorization", f.as("tom", "artist:alpha", "artist:beta"))
	if p := decode[restv1.Problem](t, body); status != 403 || !strings.Contains(p.Hint, "alpha, beta") {
		t.Errorf("%d %+v", status, p)
	}
}

// TestUsersSession: a browser signs in with a user's token, and is out when the token is revoked.
func TestUsersSession(t *testing.T) {
	f := start(t)
	secret := strings.TrimPrefix(f.as("mara", "artist"), "Bearer ")
	_, header, _ := f.request("POST", "/api/v1/session", `{"token":"`+secret+`"}`, "Authorization", "")
	cookie, _, _ := strings.Cut(header.Get("Set-Cookie"), ";")
	_, _, body := f.request("GET", "/api/v1/me", "", "Authorization", "", "Cookie", cookie)
	m := decode[restv1.Me](t, body)
	if m.Name != "mara" || !slices.Contains(m.Permissions, "jobs.submit") || slices.Contains(m.Permissions, "users.manage") {
		t.Errorf("%+v", m)
	}
	forged := strings.Replace(cookie, "."+m.Token+".", "..", 1)
	if status, _, _ := f.request("GET", "/api/v1/me", "", "Authorization", "", "Cookie", forged); status != 401 {
		t.Errorf("a cookie made into an admin's: %d", status)
	}
	if status, _, body := f.request("DELETE", "/api/v1/users/mara/tokens/"+m.Token, "", "Authorization", "", "Cookie", cookie); status != 204 {
		t.Errorf("revoke: %d %s", status, body)
	}
	if status, _, _ := f.request("GET", "/api/v1/me", "", "Authorization", "", "Cookie", cookie); status != 401 {
		t.Errorf("after the token is revoked: %d", status)
	}
	deeds := get[restv1.DeedList](f, "/api/v1/audit?who=mara&did=user+token+revoke").Deeds
	if len(deeds) != 1 || deeds[0].From != "127.0.0.1" || deeds[0].On != "mara/"+m.Token {
		t.Errorf("audit: %+v", deeds)
	}
}
