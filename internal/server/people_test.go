package server_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/client"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/rest"
)

// client returns a client that shows a token.
func (w *world) client(token string) *client.Client {
	w.t.Helper()
	remote, err := client.New(client.Config{Server: w.URL(), Token: token, CA: w.CAFile()})
	w.must(err)
	w.t.Cleanup(remote.Close)
	return remote
}

// request sends one request and returns its status and body.
func (w *world) request(token, method, path, body string) (int, string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.(*testing.T).Context(), method, w.URL()+"/api/v1"+path, strings.NewReader(body))
	w.must(err)
	req.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true} //nolint:gosec // this process is the server
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	w.must(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	w.must(err)
	return resp.StatusCode, string(text)
}

// user makes a user with a token, and returns their client and the token.
func (w *world) user(name string, roles ...string) (*client.Client, restv1.APIToken) {
	w.t.Helper()
	_, err := w.SetUser(context.Background(), name, restv1.UserChange{Roles: &roles})
	w.must(err)
	tok, err := w.AddAPIToken(context.Background(), name, restv1.APITokenRequest{})
	w.must(err)
	return w.client(tok.Secret), tok
}

// TestPeople: users of projects see and do what is theirs, over a restart too; what is revoked is shut out at once.
func TestPeople(t *testing.T) {
	ctx := t.Context()
	w := newWorld(t, nil)
	mara, token := w.user("mara", "artist:alpha")
	tom, _ := w.user("tom", "artist:beta")
	ann, _ := w.user("ann", "artist")
	of := func(c *client.Client, project string) restv1.Job {
		t.Helper()
		job, _, err := c.Submit(ctx, restv1.Submission{Template: shot(2), Project: project}, "")
		w.must(err)
		return job
	}
	a, b, c := of(mara, ""), of(tom, "beta"), of(ann, "")
	if a.Owner != "mara" || a.Project != "alpha" || c.Project != "" {
		t.Errorf("jobs of %s, %q and %q", a.Owner, a.Project, c.Project)
	}
	ids := func(who *client.Client) []string {
		t.Helper()
		jobs, err := who.Jobs(ctx, "", 100)
		w.must(err)
		var out []string
		for _, j := range jobs {
			out = append(out, j.ID)
		}
		return out
	}
	if got := ids(mara); !slices.Equal(got, []string{a.ID}) {
		t.Errorf("mara sees %v", got)
	}
	if got := ids(ann); len(got) != 3 {
		t.Errorf("ann sees %v", got)
	}
	if _, err := mara.Job(ctx, b.ID); fault.KindOf(err) != fault.NotFound {
		t.Errorf("mara sees tom's job: %v", err)
	}
	if _, err := ann.Cancel(ctx, b.ID); fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), "jobs.control") {
		t.Errorf("ann cancels tom's job: %v", err)
	}
	done, err := ann.Bulk(ctx, restv1.Bulk{Verb: "pause", All: true})
	if err != nil || !slices.Equal(done.Done, []string{c.ID}) || len(done.Skipped) != 2 {
		t.Errorf("ann pauses all: %+v, %v", done, err)
	}
	if _, err := mara.Bulk(ctx, restv1.Bulk{Verb: "pause", Jobs: []string{b.ID}}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("mara pauses tom's job: %v", err)
	}
	if done, err := mara.Bulk(ctx, restv1.Bulk{Verb: "cancel", All: true}); err != nil || !slices.Equal(done.Done, []string{a.ID}) || len(done.Skipped) != 0 {
		t.Errorf("mara cancels all: %+v, %v", done, err)
	}
	if job, err := mara.Job(ctx, a.ID); err != nil || job.Reason != "canceled by mara" {
		t.Errorf("%q, %v", job.Reason, err)
	}
	w.close()
	w.start()
	if got := ids(mara); !slices.Equal(got, []string{a.ID}) {
		t.Errorf("after a restart mara sees %v", got)
	}
	w.must(w.RevokeAPIToken(ctx, "mara", token.ID))
	if _, err := mara.Me(ctx); fault.KindOf(err) != fault.Denied {
		t.Errorf("a revoked token: %v", err)
	}
	_, err = w.SetUser(ctx, "tom", restv1.UserChange{Disabled: ptr(true)})
	w.must(err)
	if _, err := tom.Me(ctx); fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), "disabled") {
		t.Errorf("a disabled user: %v", err)
	}
	if deeds, err := w.Deeds(ctx, rest.DeedFilter{On: a.ID, Limit: 10}); err != nil || len(deeds) != 2 || deeds[0].Did != "job cancel" || deeds[1].Did != "job submit" || deeds[0].Token != token.ID {
		t.Errorf("the audit of mara's job: %+v, %v", deeds, err)
	}
}

// TestEventsOfOthersAreHidden: the stream of a user of one project has nothing of another's jobs.
func TestEventsOfOthersAreHidden(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	w := newWorld(t, nil)
	mara, _ := w.user("mara", "artist:alpha")
	other := w.submit(shot(2), "", "")
	mine, _, err := mara.Submit(ctx, restv1.Submission{Template: shot(2)}, "")
	w.must(err)
	_, err = mara.Cancel(ctx, mine.ID)
	w.must(err)
	enough := errors.New("seen enough")
	own := 0
	err = mara.Events(ctx, nil, 1000, func(e restv1.Event) error {
		switch e.Job {
		case other.ID:
			t.Errorf("mara is told of another's job: %+v", e)
		case mine.ID:
			own++
		}
		if e.Reason == "canceled by mara" && e.Kind == "job" {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || own == 0 {
		t.Errorf("mara is told %d times of her job: %v", own, err)
	}
}

// TestEveryChangeIsAudited sends each operation that changes something, and finds it in the audit: who, what, on what and
// from where. One that is refused is not there.
func TestEveryChangeIsAudited(t *testing.T) {
	w, _, _ := burstWorld(t, nil)
	_, tok := w.user("ada", "admin")
	_, spare := w.user("zoe", "artist")
	job := w.submit(shot(2), "", "")
	requests := changes(job.ID, spare.ID)
	for _, op := range rest.Operations() {
		if op.Audit != "" && !slices.ContainsFunc(requests, func(r changeRequest) bool { return r.id == op.ID }) {
			t.Errorf("%s changes something, and this test has no request for it", op.ID)
		}
	}
	for _, r := range requests {
		if r.id == "post-nodes-id-drain" { // after what is done to the job: it would be rendered
			w.shunned("ws-01")
		}
		status, body := w.request(tok.Secret, r.method, r.path, r.body)
		if status/100 != 2 {
			t.Errorf("%s: %d %s", r.id, status, body)
			continue
		}
		deeds, err := w.Deeds(t.Context(), rest.DeedFilter{Limit: 1})
		w.must(err)
		d := deeds[0]
		if d.Who != "ada" || d.Token != tok.ID || d.Did != r.did || r.on != "" && d.On != r.on || d.From == "" || time.Since(d.At) > patience {
			t.Errorf("%s: the audit has %+v, want %s on %s", r.id, d, r.did, r.on)
		}
	}
	before, err := w.Deeds(t.Context(), rest.DeedFilter{Who: "ada", Limit: 1000})
	w.must(err)
	if len(before) != len(requests) {
		t.Errorf("%d lines of %d changes", len(before), len(requests))
	}
	if status, _ := w.request(tok.Secret, http.MethodPut, "/queues/night", `{"weight":-1}`); status/100 != 4 {
		t.Errorf("a wrong weight: %d", status)
	}
	if after, err := w.Deeds(t.Context(), rest.DeedFilter{Who: "ada", Limit: 1000}); err != nil || len(after) != len(before) {
		t.Errorf("what was refused is in the audit: %+v, %v", after[0], err)
	}
}

// shunned connects a node that a job avoids.
func (w *world) shunned(name string) {
	w.t.Helper()
	a := w.newAgent(name, "plain", "")
	a.work = nil
	a.connect()
	w.until("a task on "+name, func() bool { return len(a.tasks()) > 0 }, nothing)
	task := a.tasks()[0]
	_, err := w.Tasks(context.Background(), task.GetJob(), restv1.TaskChange{Verb: "requeue", Elsewhere: true})
	w.must(err)
}

// changeRequest is a request that changes something, and the audit's line of it; no on: any.
type changeRequest struct{ id, method, path, body, did, on string }

// changes are requests in an order in which they work.
func changes(job, token string) []changeRequest {
	return []changeRequest{
		{"post-jobs", "POST", "/jobs", fmt.Sprintf(`{"template":%q}`, shot(1)), "job submit", ""},
		{"post-jobs-bulk", "POST", "/jobs/bulk", `{"verb":"pause","jobs":["` + job + `"]}`, "job pause", job},
		{"post-jobs-id-order", "POST", "/jobs/" + job + "/order", `{"order":{"by":"descending"}}`, "job order", job},
		{"post-jobs-id-tasks", "POST", "/jobs/" + job + "/tasks", `{"verb":"skip","step":"Render","tasks":"1"}`, "job skip", job},
		{"post-jobs-id-cancel", "POST", "/jobs/" + job + "/cancel", "", "job cancel", job},
		{"post-jobs-id-retry", "POST", "/jobs/" + job + "/retry", "", "job retry", job},
		{"post-nodes-id-drain", "POST", "/nodes/ws-01/drain", "", "node drain", "ws-01"},
		{"post-nodes-id-resume", "POST", "/nodes/ws-01/resume", "", "node resume", "ws-01"},
		{"post-nodes-id-release", "POST", "/nodes/ws-01/release", "", "node release", "ws-01"},
		{"post-pools-id-stop", "POST", "/pools/burst/stop", `{"stopped":true}`, "pool stop", "burst"},
		{"post-pools-stop", "POST", "/pools/stop", `{"stopped":false}`, "pool start", "burst"},
		{"put-limits-id", "PUT", "/limits/nuke", `{"seats":3}`, "limit set", "nuke"},
		{"delete-limits-id", "DELETE", "/limits/nuke", "", "limit delete", "nuke"},
		{"put-budgets-id", "PUT", "/budgets/film", `{"of":"project","name":"film","cap":3}`, "budget set", "film"},
		{"delete-budgets-id", "DELETE", "/budgets/film", "", "budget delete", "film"},
		{"put-queues-id", "PUT", "/queues/night", `{"weight":2}`, "queue set", "night"},
		{"delete-queues-id", "DELETE", "/queues/night", "", "queue delete", "night"},
		{"post-tokens", "POST", "/tokens", `{"role":"agent","names":"ws-9"}`, "token create", ""},
		{"put-users-id", "PUT", "/users/lena", `{"roles":["artist"]}`, "user set", "lena"},
		{"post-users-id-tokens", "POST", "/users/lena/tokens", `{}`, "user token create", ""},
		{"delete-users-id-tokens-token", "DELETE", "/users/zoe/tokens/" + token, "", "user token revoke", "zoe/" + token},
		{"delete-users-id", "DELETE", "/users/lena", "", "user delete", "lena"},
	}
}
