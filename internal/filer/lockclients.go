package filer

import (
	"encoding/binary"
	"encoding/json"
	"hash/fnv"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/filer/locktable"
)

// lockClient is a host that has locks or had some lately. Its record is in JSON under its identity; it is durable before
// its first lock is given.
type lockClient struct {
	Session   uint64     `json:"session,omitempty"`
	Addr      netip.Addr `json:"addr"`
	Local     netip.Addr `json:"local"` // of ours, by which it knows us
	Name      string     `json:"name"`
	State     int32      `json:"state,omitempty"` // of its status monitor, when it last said
	Monitored bool       `json:"-"`               // it wants to be told of our restart
}

// maxLockClients bounds the hosts that are remembered.
const maxLockClients = 1 << 16

func lockClientKey(id locktable.Client) []byte { return append([]byte{'n'}, id...) }

func (l *locks) loadClients() error {
	return l.f.kv.Scan([]byte{'n'}, func(key, value []byte) error {
		c := &lockClient{Monitored: true}
		if err := json.Unmarshal(value, c); err != nil {
			return fault.Wrap(fault.Internal, err, "damaged record of a client with locks")
		}
		l.clients[locktable.Client(key[1:])] = c
		return nil
	})
}

// meet notes a client that wants a lock, whom the lock table knows by its clientID. One whose state is newer than it was
// has restarted: what it had before is gone. During the grace period only clients of before are known: others get false.
func (l *locks) meet(session uint64, addr, local netip.Addr, name string, state int32, monitored, reclaim bool) (known bool, err error) {
	id := clientID(session, addr, name)
	now := lockClient{Session: session, Addr: addr.Unmap(), Local: local.Unmap(), Name: name, State: state, Monitored: monitored}
	if l.full() {
		l.forgetIdle()
	}
	l.saving.Lock()
	defer l.saving.Unlock()
	l.mu.Lock()
	was := l.clients[id]
	l.mu.Unlock()
	switch {
	case was == nil && reclaim:
		return false, nil
	case was == nil && l.full():
		return false, locktable.ErrFull
	}
	if was != nil {
		if was.State != 0 && state != 0 && state-was.State > 0 && !reclaim {
			l.f.log.Info("a client has restarted, its locks are dropped", "client", id, "state", state)
			l.dropClient(id)
		}
		if state == 0 {
			now.State = was.State
		}
		now.Monitored = monitored || was.Monitored
		if *was == now {
			return true, nil
		}
	}
	if now.Monitored {
		if err := l.saveClient(id, &now); err != nil {
			return false, err
		}
	}
	l.mu.Lock()
	l.clients[id] = &now
	l.mu.Unlock()
	return true, nil
}

func (l *locks) full() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.clients) >= maxLockClients
}

func (l *locks) saveClient(id locktable.Client, c *lockClient) error {
	v, err := json.Marshal(c)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "client with locks")
	}
	return l.f.kv.Apply([]Change{{lockClientKey(id), v}}, true)
}

// forget takes a client out, unless it has a lock.
func (l *locks) forget(id locktable.Client) {
	l.saving.Lock()
	defer l.saving.Unlock()
	l.mu.Lock()
	if l.table.Has(id) || l.grace {
		l.mu.Unlock()
		return
	}
	delete(l.clients, id)
	l.mu.Unlock()
	if err := l.f.kv.Apply([]Change{{Key: lockClientKey(id)}}, false); err != nil {
		l.f.log.Warn("forget a client without locks", "client", id, "error", err)
	}
}

// forgetIdle takes out all clients that have no lock: they need no grace period after the next start.
func (l *locks) forgetIdle() {
	l.mu.Lock()
	var idle []locktable.Client
	for id := range l.clients {
		if !l.table.Has(id) {
			idle = append(idle, id)
		}
	}
	l.mu.Unlock()
	for _, id := range idle {
		l.forget(id)
	}
}

// at returns the clients of an address that go by the name.
func (l *locks) at(addr netip.Addr, name string) map[locktable.Client]lockClient {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[locktable.Client]lockClient{}
	for id, c := range l.clients {
		if c.Addr == addr.Unmap() && sameHost(c.Name, name) {
			out[id] = *c
		}
	}
	return out
}

// sameHost says whether two names are of one host: a host may use its short name in one place and its full one in another.
func sameHost(a, b string) bool {
	if strings.EqualFold(a, b) {
		return true
	}
	shortA, _, fullA := strings.Cut(a, ".")
	shortB, _, fullB := strings.Cut(b, ".")
	return fullA != fullB && strings.EqualFold(shortA, shortB)
}

// nextState returns the first state number of the cache directory and this start's, durable. The first comes from the clock,
// so that a directory that was lost is followed by a higher one.
func nextState(kv KV) (birth, state int32, err error) {
	key := metaKey("lockState")
	v, err := kv.Get(key)
	if err != nil {
		return 0, 0, err
	}
	if len(v) == 8 {
		birth, state = int32(binary.BigEndian.Uint32(v)), int32(binary.BigEndian.Uint32(v[4:]))+2
	} else {
		birth = int32(time.Now().Unix()-1_600_000_000)&(1<<30-1) | 1
		state = birth
	}
	v = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(birth)), uint32(state))
	return birth, state, kv.Apply([]Change{{key, v}}, true)
}

// hostName is the filer's name among lock managers: unlike that of another filer of this machine, and the same after the
// cache directory was lost.
func (f *Filer) hostName() string {
	host, _ := os.Hostname()
	dir, err := filepath.Abs(f.cfg.CacheDir)
	if err != nil {
		dir = f.cfg.CacheDir
	}
	h := fnv.New32a()
	h.Write([]byte(host + "\x00" + dir))
	return f.cfg.Name + "-" + strconv.FormatUint(uint64(h.Sum32()), 16)
}
