package wan

import (
	"encoding/json"
	"net/http"
)

// Status is what a link has done so far.
type Status struct {
	RTT         string        `json:"rtt"`
	Bandwidth   int64         `json:"bandwidth"` // bits a second; 0: unlimited
	Cut         bool          `json:"cut"`
	NearToFar   uint64        `json:"nearToFar"` // bytes of all relays and packets
	FarToNear   uint64        `json:"farToNear"`
	Relays      []RelayStatus `json:"relays"`
	Connections int64         `json:"connections"` // open
	Tunnel      *TunnelStatus `json:"tunnel,omitempty"`
}

// RelayStatus is what a relay has done so far.
type RelayStatus struct {
	Name       string `json:"name"`
	Listen     string `json:"listen"`
	Target     string `json:"target"`
	Reverse    bool   `json:"reverse,omitempty"`
	ToTarget   uint64 `json:"toTarget"` // bytes
	FromTarget uint64 `json:"fromTarget"`
	Open       int64  `json:"open"` // connections
	Accepted   uint64 `json:"accepted"`
}

// Status returns the counters of the link and its relays.
func (l *Link) Status() Status {
	l.mu.Lock()
	relays, tunnel := l.relays, l.tunnel
	l.mu.Unlock()
	s := Status{
		RTT: l.config.RTT.String(), Bandwidth: l.config.Bandwidth, Cut: l.gate.state() != nil,
		NearToFar: l.far.bytes(), FarToNear: l.near.bytes(), Relays: []RelayStatus{}, Tunnel: tunnel.status(),
	}
	for _, r := range relays {
		x := r.Status()
		s.Relays = append(s.Relays, x)
		s.Connections += x.Open
	}
	return s
}

// Status returns the relay's counters.
func (r *Relay) Status() RelayStatus {
	return RelayStatus{
		Name: r.config.Name, Listen: r.Addr(), Target: r.config.Target, Reverse: r.config.Reverse,
		ToTarget: r.toTarget.Load(), FromTarget: r.fromTarget.Load(), Open: r.open.Load(), Accepted: r.accepted.Load(),
	}
}

// Handler serves the link over HTTP: GET / is the status, POST /cut and POST /heal are Cut and Heal.
func (l *Link) Handler() http.Handler {
	mux := http.NewServeMux()
	status := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(l.Status()) // the client is gone
	}
	mux.HandleFunc("GET /{$}", status)
	mux.HandleFunc("POST /cut", func(w http.ResponseWriter, r *http.Request) { l.Cut(); status(w, r) })
	mux.HandleFunc("POST /heal", func(w http.ResponseWriter, r *http.Request) { l.Heal(); status(w, r) })
	return mux
}
