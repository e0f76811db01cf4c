// Package notice hears from the cloud that this machine is about to be taken away, and says when it may be.
//
// Azure tells a machine by a document of its metadata service ("Scheduled Events for Linux VMs"): a spot machine has 30 s
// from an event of type Preempt, other events leave minutes. Every machine of a placement group sees the events of all;
// those of others are not ours. An event that is approved happens at once.
package notice

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

// Event is something that takes the machine away.
type Event struct {
	ID     string
	Kind   Kind
	Before time.Time // it does not happen earlier than this, unless it is approved; zero: it has begun
	Source string    // Platform or User; empty: not said
}

// Kind is an event's type, as Azure spells it.
type Kind string

// The kinds that take a machine, or what runs on it, away. A Freeze pauses it for seconds and is none of them.
const (
	Preempt   Kind = "Preempt"
	Terminate Kind = "Terminate"
	Reboot    Kind = "Reboot"
	Redeploy  Kind = "Redeploy"
)

// Reason says it in a sentence.
func (e Event) Reason() string {
	what := map[Kind]string{
		Preempt: "the cloud takes this spot machine back", Terminate: "the cloud deletes this machine",
		Reboot: "the cloud reboots this machine", Redeploy: "the cloud moves this machine to another host",
	}[e.Kind]
	if e.Before.IsZero() {
		return what + " now"
	}
	return what + " at " + e.Before.UTC().Format(time.TimeOnly) + " UTC"
}

// Metadata is where Azure's machines find the service. It answers this machine alone.
const Metadata = "http://169.254.169.254"

const (
	usualPause = time.Second // as Azure recommends
	firstCall  = 3 * time.Minute
	laterCalls = 10 * time.Second
	mostBytes  = 1 << 20
)

// Azure watches the metadata service.
type Azure struct {
	URL   string        // of the service
	Pause time.Duration // between two looks; 0: a second
	Log   *slog.Logger

	client *http.Client
	name   string // the machine's, as events name it
}

// NewAzure returns a watcher; close idle connections by Close.
func NewAzure(url string, log *slog.Logger) *Azure {
	// The service is never reached through a proxy: it would describe the proxy's machine.
	return &Azure{URL: strings.TrimRight(url, "/"), Log: log, client: &http.Client{Transport: &http.Transport{Proxy: nil}}}
}

// Close ends what is kept open.
func (a *Azure) Close() { a.client.CloseIdleConnections() }

// Wait returns the first event that takes this machine away. The service may be silent for minutes at first, and fail at any
// time: it is asked again until ctx ends.
func (a *Azure) Wait(ctx context.Context) (Event, error) {
	pause := a.Pause
	if pause == 0 {
		pause = usualPause
	}
	within, failed := firstCall, false
	for {
		event, found, err := a.look(ctx, within)
		switch {
		case err == nil && found:
			return event, nil
		case err == nil:
			within, failed = laterCalls, false
		case !failed && ctx.Err() == nil:
			failed = true // said once
			a.Log.Warn("the metadata service does not say what is scheduled", "error", err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return Event{}, context.Cause(ctx)
		}
	}
}

// look reads the document once.
func (a *Azure) look(ctx context.Context, within time.Duration) (Event, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if a.name == "" {
		raw, err := a.call(ctx, http.MethodGet, "/metadata/instance/compute?api-version=2021-02-01", nil)
		if err != nil {
			return Event{}, false, err
		}
		var self struct {
			Name string `json:"name"`
		}
		if err := json.Unmarshal(raw, &self); err != nil || self.Name == "" {
			return Event{}, false, fault.New(fault.Unavailable, "the metadata service does not say this machine's name")
		}
		a.name = self.Name
	}
	raw, err := a.call(ctx, http.MethodGet, eventsPath, nil)
	if err != nil {
		return Event{}, false, err
	}
	return first(raw, a.name)
}

const eventsPath = "/metadata/scheduledevents?api-version=2020-07-01"

// Approve lets the event happen now.
func (a *Azure) Approve(ctx context.Context, e Event) error {
	ctx, cancel := context.WithTimeout(ctx, laterCalls)
	defer cancel()
	body, err := json.Marshal(map[string]any{"StartRequests": []any{map[string]string{"EventId": e.ID}}})
	if err != nil {
		return fault.Wrap(fault.Internal, err, "approve an event")
	}
	_, err = a.call(ctx, http.MethodPost, eventsPath, body)
	return err
}

func (a *Azure) call(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, a.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the metadata service")
	}
	req.Header.Set("Metadata", "true")
	answer, err := a.client.Do(req)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the metadata service")
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(answer.Body, mostBytes))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %.200s", answer.Status, raw)
	}
	return raw, fault.Wrap(fault.Unavailable, err, "the metadata service")
}
