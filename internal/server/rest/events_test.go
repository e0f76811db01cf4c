package rest

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spillway/spillway/api/restv1"
)

func TestEventStreamBeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := httptest.NewRecorder()
		ctx, cancel := context.WithCancel(t.Context())
		events := make(chan restv1.Event, 3)
		done := make(chan struct{})
		go func() {
			defer close(done)
			new(server).serveEvents(ctx, w, Follow{Events: events})
		}()
		<-time.After(heartbeat + time.Second)
		synctest.Wait()
		if n := strings.Count(w.Body.String(), "event: beat\n"); n != 2 { // one at once, one after the interval
			t.Errorf("%d beats in %q", n, w.Body)
		}
		for i := range 3 {
			events <- restv1.Event{Seq: uint64(i + 1), Reason: "r"}
		}
		synctest.Wait()
		if !strings.Contains(w.Body.String(), "id: 3\ndata: {\"seq\":3,") {
			t.Errorf("%q", w.Body)
		}
		cancel()
		<-done
	})
}

func TestEventStreamEndsWithItsSource(t *testing.T) {
	events := make(chan restv1.Event)
	close(events)
	w := httptest.NewRecorder()
	new(server).serveEvents(t.Context(), w, Follow{Events: events, Gap: true})
	if !strings.Contains(w.Body.String(), "event: reset\n") {
		t.Errorf("%q", w.Body)
	}
}
