package armtest

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Metadata is one machine's instance metadata service: who it is, what is scheduled for it. It is an http.Handler.
type Metadata struct {
	name, id string

	mu       sync.Mutex // guards what follows
	events   []Event
	approved []string
	silent   int
	changes  int
}

// Event is a scheduled event.
type Event struct {
	ID        string
	Type      string // Preempt, Terminate, Reboot, Redeploy, Freeze
	Resources []string
	NotBefore time.Time
	Approved  func() // called once it is approved; may be nil
}

// NewMetadata returns the service of the machine with that name and vmId.
func NewMetadata(name, id string) *Metadata { return &Metadata{name: name, id: id} }

// Silent lets the next calls about events fail, as the service does until it has woken up.
func (m *Metadata) Silent(calls int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.silent = calls
}

// Schedule announces an event.
func (m *Metadata) Schedule(e Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = append(m.events, e)
	m.changes++
}

// Approved returns the events that were approved, in order.
func (m *Metadata) Approved() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.approved)
}

// ServeHTTP serves one call.
func (m *Metadata) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Metadata") != "true" || r.Header.Get("X-Forwarded-For") != "" {
		write(w, http.StatusBadRequest, map[string]string{"error": "Bad request. Required metadata header not specified or not correct"})
		return
	}
	if r.URL.Query().Get("api-version") == "" {
		write(w, http.StatusBadRequest, map[string]any{"error": "Bad request. api-version was not specified", "newest-versions": []string{"2021-02-01"}})
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /metadata/instance/compute":
		write(w, http.StatusOK, map[string]string{"name": m.name, "vmId": m.id})
	case "GET /metadata/scheduledevents":
		m.document(w)
	case "POST /metadata/scheduledevents":
		m.start(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (m *Metadata) document(w http.ResponseWriter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.silent > 0 {
		m.silent--
		http.Error(w, "not yet", http.StatusServiceUnavailable)
		return
	}
	list := []any{}
	for _, e := range m.events {
		list = append(list, map[string]any{
			"EventId": e.ID, "EventType": e.Type, "ResourceType": "VirtualMachine", "Resources": e.Resources, "EventStatus": "Scheduled",
			"NotBefore": e.NotBefore.UTC().Format(http.TimeFormat), "Description": "", "EventSource": "Platform", "DurationInSeconds": -1,
		})
	}
	write(w, http.StatusOK, map[string]any{"DocumentIncarnation": m.changes, "Events": list})
}

func (m *Metadata) start(w http.ResponseWriter, r *http.Request) {
	var body struct {
		StartRequests []struct {
			EventID string `json:"EventId"`
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || len(body.StartRequests) == 0 {
		http.Error(w, "Bad request", http.StatusBadRequest)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range body.StartRequests {
		at := slices.IndexFunc(m.events, func(e Event) bool { return e.ID == s.EventID })
		if at < 0 {
			http.Error(w, "unknown event "+s.EventID, http.StatusBadRequest)
			return
		}
		m.approved = append(m.approved, s.EventID)
		if m.events[at].Approved != nil {
			m.events[at].Approved()
		}
	}
	w.WriteHeader(http.StatusOK)
}
