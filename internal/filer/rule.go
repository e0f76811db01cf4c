package filer

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/fault"
)

// PolicyRule is one rule of an export policy, under the names that Azure HPC Cache's client access policies gave them.
type PolicyRule struct {
	Scope  string `yaml:"scope,required"` // host, network or default
	Filter string `yaml:"filter"`         // an address or a host's name; a network such as 10.0.0.0/16; nothing
	Access string `yaml:"access,required"`
	// SUID lets clients see and set the set-user-id and set-group-id bits of files.
	SUID bool `yaml:"suid"`
	// SubmountAccess lets clients mount folders below the export (true unless said otherwise).
	SubmountAccess *bool `yaml:"submountAccess"`
	// RootSquash makes uid 0 and gid 0 anonymous.
	RootSquash bool `yaml:"rootSquash"`
	// AnonymousUID is who anonymous callers are: 65534 (nobody) unless said otherwise; 65535 may do nothing. -2 and -1
	// are older spellings of the two. AnonymousGID is AnonymousUID unless said otherwise.
	AnonymousUID string `yaml:"anonymousUID"`
	AnonymousGID string `yaml:"anonymousGID"`
}

// Scopes of a rule, in the order in which they are tried.
const (
	scopeHost    = "host"
	scopeNetwork = "network"
	scopeDefault = "default"
)

// access is what a rule lets a client do.
type access uint8

const (
	accessNone access = iota
	accessRead
	accessWrite
)

// noAccess is the anonymous uid that may do nothing.
const noAccess = 65535

// Validate checks the rule by itself.
func (r *PolicyRule) Validate() error {
	_, err := r.parse()
	return err
}

// rule is a rule ready for use.
type rule struct {
	scope    string
	filter   string // as written, for EXPORT
	host     netip.Addr
	hostName string // in place of host
	network  netip.Prefix

	access           access
	suid, submount   bool
	squash           bool
	anonUID, anonGID uint32
}

func (r *PolicyRule) parse() (rule, error) {
	out := rule{scope: r.Scope, filter: r.Filter, suid: r.SUID, squash: r.RootSquash, submount: r.SubmountAccess == nil || *r.SubmountAccess}
	if err := out.parseFilter(r.Filter); err != nil {
		return out, err
	}
	switch r.Access {
	case "no":
		out.access = accessNone
	case "ro":
		out.access = accessRead
	case "rw":
		out.access = accessWrite
	default:
		return out, config.At("access", fault.New(fault.Invalid, "want no, ro or rw, got %q", r.Access))
	}
	var err error
	if out.anonUID, err = anonymous(r.AnonymousUID, nobody); err != nil {
		return out, config.At("anonymousUID", err)
	}
	if out.anonGID, err = anonymous(r.AnonymousGID, out.anonUID); err != nil {
		return out, config.At("anonymousGID", err)
	}
	return out, nil
}

func (r *rule) parseFilter(filter string) error {
	wrong := func(format string, args ...any) error {
		return config.At("filter", fault.New(fault.Invalid, format, args...))
	}
	switch r.scope {
	case scopeHost:
		if a, err := netip.ParseAddr(filter); err == nil {
			r.host = plainAddr(a)
			return nil
		}
		if !hostName(filter) {
			return wrong("a host rule's filter is an address or a host's name, got %q", filter)
		}
		r.hostName = strings.ToLower(strings.TrimSuffix(filter, "."))
	case scopeNetwork:
		p, err := netip.ParsePrefix(filter)
		if err != nil {
			return wrong("a network rule's filter is a network such as 10.0.0.0/16, got %q", filter)
		}
		if p != p.Masked() {
			return wrong("%s has bits beyond its length: did you mean %s?", p, p.Masked())
		}
		r.network = p
	case scopeDefault:
		if filter != "" {
			return wrong("a default rule has no filter: it is for every client")
		}
	default:
		return config.At("scope", fault.New(fault.Invalid, "want host, network or default, got %q", r.scope))
	}
	return nil
}

// anonymous reads an anonymous id.
func anonymous(s string, unset uint32) (uint32, error) {
	switch s {
	case "":
		return unset, nil
	case "-2":
		return nobody, nil
	case "-1":
		return noAccess, nil
	}
	v, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, fault.New(fault.Invalid, "want a number such as 65534, got %q", s)
	}
	return uint32(v), nil
}

// hostName says whether s can be a host's name (RFC 1123 §2.1). Numbers with dots are mistyped addresses.
func hostName(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > 253 || strings.Trim(s, "0123456789.") == "" {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			letter := c|0x20 >= 'a' && c|0x20 <= 'z'
			if !letter && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	return true
}

// plainAddr is the form in which addresses are compared.
func plainAddr(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
