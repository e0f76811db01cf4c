package rest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/spillway/spillway/api/restv1"
)

// stream is an open event stream that is read message by message.
type stream struct {
	t      *testing.T
	lines  *bufio.Scanner
	cancel context.CancelFunc
}

func (f *fixture) events(query, lastID string) *stream {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), time.Minute)
	f.t.Cleanup(cancel)
	req, _ := http.NewRequestWithContext(ctx, "GET", f.web.URL+"/api/v1/events"+query, nil)
	req.Header.Set("Authorization", "Bearer "+token)
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { resp.Body.Close() })
	if ct := resp.Header.Get("Content-Type"); ct != "text/event-stream" {
		f.t.Fatalf("%d %s", resp.StatusCode, ct)
	}
	return &stream{f.t, bufio.NewScanner(resp.Body), cancel}
}

// next returns the fields of the next message that is not a beat; nil at the end.
func (s *stream) next() map[string]string {
	fields := map[string]string{}
	for s.lines.Scan() {
		name, value, _ := strings.Cut(s.lines.Text(), ":")
		switch {
		case name != "":
			fields[name] = strings.TrimSpace(value)
		case s.lines.Text() == "" && (fields["data"] == "" || fields["event"] == "beat"):
			fields = map[string]string{}
		case s.lines.Text() == "":
			return fields
		}
	}
	return nil
}

func (s *stream) event() restv1.Event {
	s.t.Helper()
	m := s.next()
	var e restv1.Event
	if err := json.Unmarshal([]byte(m["data"]), &e); err != nil {
		s.t.Fatalf("%v in %v", err, m)
	}
	return e
}

func TestEventsResumeWhereTheyBroke(t *testing.T) {
	f := start(t)
	s := f.events("?last=1", "")
	first := s.event()
	if first.Kind != "job" || first.Job != f.job {
		t.Fatalf("the newest event: %+v", first)
	}
	a := f.farm.Start(f.job, 0, 0, "ws-01")
	second := s.event()
	if second.Seq != first.Seq+1 || second.Attempt != a || second.Reason == "" {
		t.Fatalf("the next event: %+v", second)
	}
	f.farm.Cut()
	if m := s.next(); m != nil {
		t.Fatalf("after the cut: %v", m)
	}
	f.farm.Move(a, "landing", "ended well")
	f.farm.Move(a, "succeeded", "receipt 7")
	s = f.events("?after=1", "3") // the header wins
	for want := uint64(4); want <= 6; want++ {
		if e := s.event(); e.Seq != want {
			t.Fatalf("event %d came, want %d", e.Seq, want)
		}
	}
}

func TestEventsTellOfAGap(t *testing.T) {
	f := start(t)
	f.farm.Forget()
	for _, after := range []string{"1", "9000"} { // forgotten, and from before a restored backup
		s := f.events("?after="+after, "")
		if m := s.next(); m["event"] != "reset" {
			t.Errorf("after %s: %v", after, m)
		}
		f.farm.Change(f.job, "priority", func(*restv1.Job) {})
		if e := s.event(); e.Reason != "priority" {
			t.Errorf("after the reset: %+v", e)
		}
	}
}

func TestLogFollows(t *testing.T) {
	f := start(t)
	a := f.farm.Start(f.job, 0, 0, "ws-01")
	f.farm.Print(a, "one\ntwo\n")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", f.web.URL+"/api/v1/attempts/"+a+"/log?offset=-4&follow=true", nil)
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Spillway-Log-Offset"); got != "4" {
		t.Errorf("offset %q", got)
	}
	lines := bufio.NewScanner(resp.Body)
	for _, want := range []string{"two", "three"} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("got %q, want %q", lines.Text(), want)
		}
		f.farm.Print(a, "three\n")
	}
	f.farm.Move(a, "succeeded", "landed")
	for lines.Scan() {
		if lines.Text() != "three" {
			t.Errorf("got %q", lines.Text())
		}
	}
	if lines.Err() != nil {
		t.Error(lines.Err())
	}
	if _, header, body := f.request("GET", "/api/v1/attempts/"+a+"/log", ""); !strings.HasPrefix(body, "one\ntwo\nthree\n") || !strings.HasPrefix(header.Get("Content-Type"), "text/plain") {
		t.Errorf("%v %q", header, body)
	}
}

func TestPictures(t *testing.T) {
	f := start(t)
	a := f.farm.Start(f.job, 0, 0, "ws-01")
	f.farm.Output(a, "out/frame_0001.png", 480, 270, []byte("\x89PNG…"), true)
	f.farm.Output(a, "out/frame_0001.html", 0, 0, []byte("<script>"), true)
	f.farm.Output(a, "out/late.png", 480, 270, []byte("\x89PNG…"), false)
	f.farm.Move(a, "succeeded", "receipt 1")
	list := get[restv1.PictureList](f, "/api/v1/jobs/"+f.job+"/pictures").Pictures
	if len(list) == 0 || list[0].URL != "/api/v1/pictures/"+a+"/0" || list[0].Width != 480 {
		t.Fatalf("%+v", list)
	}
	if all := get[restv1.PictureList](f, "/api/v1/pictures?limit=1").Pictures; len(all) != 1 {
		t.Errorf("of all jobs: %+v", all)
	}
	status, header, body := f.request("GET", list[0].URL, "")
	if status != 200 || body != "\x89PNG…" || header.Get("Content-Type") != "image/png" || !strings.Contains(header.Get("Cache-Control"), "immutable") {
		t.Errorf("%d %v %q", status, header, body)
	}
	if status, _, _ := f.request("GET", list[0].URL, "", "If-None-Match", header.Get("ETag")); status != http.StatusNotModified {
		t.Errorf("with its ETag: %d", status)
	}
	if status, _, body := f.request("GET", list[0].URL, "", "Range", "bytes=0-3"); status != http.StatusPartialContent || len(body) != 4 {
		t.Errorf("a range: %d %q", status, body)
	}
	if _, header, _ := f.request("GET", "/api/v1/pictures/"+a+"/1", ""); header.Get("Content-Type") != "application/octet-stream" || !strings.HasPrefix(header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("a file that is no picture: %v", header)
	}
	if status, _, _ := f.request("GET", "/api/v1/pictures/"+a+"/2", ""); status != http.StatusConflict {
		t.Errorf("before it has landed: %d", status)
	}
	if status, _, _ := f.request("GET", "/api/v1/pictures/"+a+"/3", ""); status != http.StatusNotFound {
		t.Errorf("an output that is not there: %d", status)
	}
}
