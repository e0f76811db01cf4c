package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/access"
	"github.com/spillway/spillway/internal/fault"
)

type eventsQuery struct {
	LastEventID string `header:"Last-Event-ID" maxLength:"20" doc:"Resume after this event. It wins over after."`
	After       string `query:"after" maxLength:"20" doc:"Resume after this event."`
	Last        int    `query:"last" minimum:"0" maximum:"1000" doc:"Without a cursor: begin with that many of the newest events."`
}

// cursor reads where the stream starts.
func (q *eventsQuery) cursor() (Cursor, error) {
	id := q.LastEventID
	if id == "" {
		id = q.After
	}
	if id == "" {
		return Cursor{Last: q.Last}, nil
	}
	after, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return Cursor{}, fault.WithHint(fault.New(fault.Invalid, "no event can have the id %q", id), "send the id of the last event that was seen, or none")
	}
	return Cursor{Resume: true, After: after}, nil
}

// eventRoute registers the event stream (HTML, section 9.2, server-sent events). Beside the farm's events it carries "beat"
// every few seconds, so that a page can tell silence from a broken line, and "reset" when events have been forgotten.
func (s *server) eventRoute(api huma.API) {
	op := operation(api, http.MethodGet, "/events", "Follow the farm's history")
	op.Description = "Server-sent events. The id of an event is its number; its data is an Event. " +
		"An event named reset says that events after the cursor are forgotten; load everything anew."
	needs(access.SeeJobs)(&op)
	op.Responses["200"] = &huma.Response{
		Description: "The stream; it does not end by itself",
		Content: map[string]*huma.MediaType{"text/event-stream": {
			Schema: api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[restv1.Event](), true, "Event"),
		}},
	}
	huma.Register(api, op, func(ctx context.Context, in *eventsQuery) (*huma.StreamResponse, error) {
		at, err := in.cursor()
		if err != nil {
			return nil, s.problemOf(ctx, err)
		}
		follow, err := s.Streams.Events(ctx, at)
		if err != nil {
			return nil, s.problemOf(ctx, err)
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			r, w := humago.Unwrap(hc)
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("X-Accel-Buffering", "no")
			w.WriteHeader(http.StatusOK)
			s.serveEvents(r.Context(), w, follow) // ends with the reader or the server: nobody to tell
		}}, nil
	})
}

// serveEvents writes events until one side ends, or the caller's token does. What is waiting goes out in one write.
func (s *server) serveEvents(ctx context.Context, w http.ResponseWriter, follow Follow) {
	out := http.NewResponseController(w)
	var buf bytes.Buffer
	send := func() bool {
		_ = out.SetWriteDeadline(time.Now().Add(writeWithin)) // not every writer can
		_, err := w.Write(buf.Bytes())
		buf.Reset()
		return err == nil && out.Flush() == nil
	}
	buf.WriteString("retry: 1000\n\n")
	if follow.Gap {
		buf.WriteString("event: reset\ndata: {}\n\n")
	}
	writeBeat(&buf, time.Now())
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for send() {
		select {
		case e, ok := <-follow.Events:
			if !ok {
				return
			}
			writeEvent(&buf, e)
			for range min(len(follow.Events), 1000) {
				if e, ok := <-follow.Events; ok {
					writeEvent(&buf, e)
				}
			}
		case now := <-beat.C:
			if !s.still(access.CallerOf(ctx)) {
				return
			}
			writeBeat(&buf, now)
		case <-ctx.Done():
			return
		}
	}
}

func writeEvent(buf *bytes.Buffer, e restv1.Event) {
	data, err := json.Marshal(e)
	if err != nil {
		return // a value of strings, numbers and times always encodes
	}
	fmt.Fprintf(buf, "id: %d\ndata: %s\n\n", e.Seq, data)
}

func writeBeat(buf *bytes.Buffer, now time.Time) {
	fmt.Fprintf(buf, ": beat\nevent: beat\ndata: {\"at\":%q}\n\n", now.UTC().Format(time.RFC3339))
}
