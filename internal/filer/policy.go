package filer

import (
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/nfs"
)

// policy says what a client that has no mount session may do in an export: the first rule that matches its address,
// among the host rules, then the network rules, then the default. A client without a rule is outside. It never changes;
// another answer of the name service makes another policy.
type policy struct {
	hosts    map[netip.Addr]*rule
	networks []*rule
	other    *rule // the default; nil: none

	mu   sync.Mutex                           // one writer of seen at a time
	seen atomic.Pointer[map[netip.Addr]*rule] // decided clients; the map never changes
}

// maxSeen bounds the clients whose rule is remembered; further ones are decided at each call.
const maxSeen = 1024

// everybody is the rule of exports without a policy.
var everybody = rule{scope: scopeDefault, access: accessWrite, suid: true, submount: true, anonUID: nobody, anonGID: nobody}

// newPolicy compiles rules. resolved are the addresses of the host names.
func newPolicy(rules []PolicyRule, resolved map[string][]netip.Addr) (*policy, error) {
	p := &policy{hosts: map[netip.Addr]*rule{}}
	for i := range rules {
		r, err := rules[i].parse()
		if err != nil {
			return nil, err
		}
		switch {
		case r.hostName != "":
			for _, a := range resolved[r.hostName] {
				p.addHost(plainAddr(a), &r)
			}
		case r.scope == scopeHost:
			p.addHost(r.host, &r)
		case r.scope == scopeNetwork:
			p.networks = append(p.networks, &r)
		case p.other == nil:
			p.other = &r
		default:
			return nil, fault.New(fault.Invalid, "a policy has one default rule")
		}
	}
	return p, nil
}

func (p *policy) addHost(a netip.Addr, r *rule) {
	if p.hosts[a] == nil {
		p.hosts[a] = r
	}
}

// rule returns the client's rule, nil if it is outside.
func (p *policy) rule(client netip.Addr) *rule {
	if seen := p.seen.Load(); seen != nil {
		if r, ok := (*seen)[client]; ok {
			return r
		}
	}
	r := p.decide(plainAddr(client))
	p.mu.Lock()
	defer p.mu.Unlock()
	var next map[netip.Addr]*rule
	if old := p.seen.Load(); old == nil {
		next = map[netip.Addr]*rule{}
	} else if len(*old) >= maxSeen {
		return r
	} else {
		next = maps.Clone(*old)
	}
	next[client] = r
	p.seen.Store(&next)
	return r
}

func (p *policy) decide(client netip.Addr) *rule {
	r := p.hosts[client]
	for i := 0; r == nil && i < len(p.networks); i++ {
		if p.networks[i].network.Contains(client) {
			r = p.networks[i]
		}
	}
	if r == nil {
		r = p.other
	}
	if r == nil || r.access == accessNone {
		return nil
	}
	return r
}

// as returns who the caller acts as under the rule.
func (r *rule) as(c origin.Cred) (origin.Cred, error) {
	if !r.squash || c.UID != 0 && c.GID != 0 && !hasRootGroup(c.GIDs) {
		return c, nil
	}
	if c.UID == 0 {
		if r.anonUID == noAccess {
			return c, nfs.ErrAcces
		}
		return origin.Cred{UID: r.anonUID, GID: r.anonGID}, nil
	}
	if c.GID == 0 {
		c.GID = r.anonGID
	}
	var groups []uint32 // the credential's own are shared with other calls
	for _, g := range c.GIDs {
		if g != 0 {
			groups = append(groups, g)
		}
	}
	c.GIDs = groups
	return c, nil
}

func hasRootGroup(groups []uint32) bool {
	for _, g := range groups {
		if g == 0 {
			return true
		}
	}
	return false
}

// ruleFor returns what a client may do in an export; ErrAcces if it is outside. Mount sessions have proved who they are:
// policies are for everybody else.
func (f *Filer) ruleFor(s *session, e *export, client netip.Addr) (*rule, error) {
	if s.ID != 0 {
		return &everybody, nil
	}
	p := e.policy.Load()
	switch {
	case e.pseudo && !f.seesAny(client):
		return nil, nfs.ErrAcces
	case p == nil:
		return &everybody, nil
	}
	if r := p.rule(client); r != nil {
		return r, nil
	}
	return nil, nfs.ErrAcces
}

// seesAny says whether the client may enter any export at all: only then is there a tree for it.
func (f *Filer) seesAny(client netip.Addr) bool {
	for _, e := range f.exports {
		if p := e.policy.Load(); !e.pseudo && (p == nil || p.rule(client) != nil) {
			return true
		}
	}
	return false
}
