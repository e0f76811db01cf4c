package notice

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/provider/azure/armtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func watch(t *testing.T, m *armtest.Metadata) *Azure {
	t.Helper()
	server := httptest.NewServer(m)
	a := NewAzure(server.URL, slog.New(slog.DiscardHandler))
	a.Pause = time.Millisecond
	t.Cleanup(server.Close)
	t.Cleanup(a.Close)
	return a
}

func TestPreemptIsHeardAndApproved(t *testing.T) {
	m := armtest.NewMetadata("burst-1-f00dcafe", "id-1")
	a := watch(t, m)
	m.Silent(3) // it is slow to wake up
	before := time.Now().Add(30 * time.Second).UTC().Truncate(time.Second)
	m.Schedule(armtest.Event{ID: "e0", Type: "Freeze", Resources: []string{"burst-1-f00dcafe"}, NotBefore: before})
	m.Schedule(armtest.Event{ID: "e1", Type: "Preempt", Resources: []string{"burst-2-f00dcafe"}, NotBefore: before})
	m.Schedule(armtest.Event{ID: "e2", Type: "Preempt", Resources: []string{"burst-3-f00dcafe", "burst-1-f00dcafe"}, NotBefore: before})
	e, err := a.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if e.ID != "e2" || e.Kind != Preempt || !e.Before.Equal(before) || !strings.Contains(e.Reason(), "spot machine back at ") {
		t.Errorf("heard %+v: %s", e, e.Reason())
	}
	if err := a.Approve(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if got := m.Approved(); len(got) != 1 || got[0] != "e2" {
		t.Errorf("approved: %v", got)
	}
	if err := a.Approve(t.Context(), Event{ID: "unknown"}); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("an unknown event was approved: %v", err)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	a := watch(t, armtest.NewMetadata("n", "id"))
	over := errors.New("over")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(over) })
	if _, err := a.Wait(ctx); !errors.Is(err, over) {
		t.Errorf("Wait: %v", err)
	}
}

func TestTheFirstEventCounts(t *testing.T) {
	for name, c := range map[string]struct {
		document string
		id       string
		wrong    bool
	}{
		"nothing":        {document: `{"DocumentIncarnation":1,"Events":[]}`},
		"no list":        {document: `{}`},
		"not JSON":       {document: `<html>`, wrong: true},
		"others":         {document: `{"Events":[{"EventId":"a","EventType":"Preempt","Resources":["m"]}]}`},
		"unknown type":   {document: `{"Events":[{"EventId":"a","EventType":"Dance","Resources":["n"]}]}`},
		"without an ID":  {document: `{"Events":[{"EventType":"Preempt","Resources":["n"]}]}`},
		"case of names":  {document: `{"Events":[{"EventId":"a","EventType":"Reboot","Resources":["N"]}]}`, id: "a"},
		"a bad time":     {document: `{"Events":[{"EventId":"a","EventType":"Reboot","Resources":["n"],"EventStatus":"Scheduled","NotBefore":"soon"}]}`, id: "a"},
		"the sooner":     {document: `{"Events":[{"EventId":"a","EventType":"Reboot","Resources":["n"],"NotBefore":"Mon, 19 Sep 2016 18:29:47 GMT"},{"EventId":"b","EventType":"Redeploy","Resources":["n"],"NotBefore":"Mon, 19 Sep 2016 18:20:47 GMT"}]}`, id: "b"},
		"what has begun": {document: `{"Events":[{"EventId":"a","EventType":"Preempt","Resources":["n"],"NotBefore":"Mon, 19 Sep 2016 18:29:47 GMT"},{"EventId":"b","EventType":"Terminate","Resources":["n"],"EventStatus":"Started"}]}`, id: "b"},
	} {
		t.Run(name, func(t *testing.T) {
			e, ok, err := first([]byte(c.document), "n")
			if (err != nil) != c.wrong || ok != (c.id != "") || e.ID != c.id {
				t.Errorf("%+v, %v, %v", e, ok, err)
			}
		})
	}
}

func FuzzDocument(f *testing.F) {
	f.Add([]byte(`{"Events":[{"EventId":"a","EventType":"Reboot","Resources":["n"],"EventStatus":"Scheduled","NotBefore":"Mon, 19 Sep 2016 18:29:47 GMT"}]}`), "n")
	f.Add([]byte(`{"Events":[{"Resources":null}]}`), "")
	f.Fuzz(func(t *testing.T, raw []byte, name string) {
		e, ok, err := first(raw, name)
		if ok && (err != nil || e.ID == "" || e.Reason() == "") || err != nil && fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%+v, %v, %v", e, ok, err)
		}
	})
}
