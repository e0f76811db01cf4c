package rpc

import (
	"github.com/spillway/spillway/nfs/xdr"
)

// Flavor is a kind of authentication (RFC 5531 §8.2).
type Flavor uint32

// The flavors of this package; others are refused with AuthRejectedCred.
const (
	AuthNone Flavor = 0
	AuthSys  Flavor = 1
)

// Limits of authentication (RFC 5531 §8.2 and appendix A).
const (
	MaxGIDs     = 16  // supplementary groups
	maxMachine  = 255 // bytes
	maxAuthBody = 400 // bytes
)

// Auth is the credential of a call. For AUTH_NONE only Flavor counts.
type Auth struct {
	Flavor  Flavor
	Stamp   uint32
	Machine string // at most 255 bytes; on sending, the rest is left out
	UID     uint32
	GID     uint32
	GIDs    []uint32 // supplementary groups; on sending, those after the 16th are left out
}

// Sys returns an AUTH_SYS credential.
func Sys(machine string, uid, gid uint32, gids ...uint32) *Auth {
	return &Auth{Flavor: AuthSys, Machine: machine, UID: uid, GID: gid, GIDs: gids}
}

// append appends the credential as an opaque_auth.
func (a *Auth) append(b []byte) []byte {
	b = xdr.AppendUint32(b, uint32(a.Flavor))
	if a.Flavor != AuthSys {
		return xdr.AppendUint32(b, 0)
	}
	machine := a.Machine[:min(len(a.Machine), maxMachine)]
	gids := a.GIDs[:min(len(a.GIDs), MaxGIDs)]
	b = xdr.AppendUint32(b, uint32(4+4+xdr.Padded(len(machine))+4+4+4+4*len(gids)))
	b = xdr.AppendUint32(b, a.Stamp)
	b = xdr.AppendString(b, machine)
	b = xdr.AppendUint32(b, a.UID)
	b = xdr.AppendUint32(b, a.GID)
	b = xdr.AppendUint32(b, uint32(len(gids)))
	for _, g := range gids {
		b = xdr.AppendUint32(b, g)
	}
	return b
}

// parseAuth returns the credential in an opaque_auth's flavor and body, or why it is refused.
func parseAuth(flavor Flavor, body []byte) (*Auth, AuthStat) {
	switch flavor {
	case AuthNone:
		return &Auth{Flavor: AuthNone}, AuthOK
	case AuthSys:
		return parseSys(body)
	}
	return nil, AuthRejectedCred
}

func parseSys(body []byte) (*Auth, AuthStat) {
	d := xdr.NewDecoder(body)
	a := &Auth{Flavor: AuthSys, Stamp: d.Uint32(), Machine: d.String(maxMachine), UID: d.Uint32(), GID: d.Uint32()}
	n := d.Uint32()
	if n > MaxGIDs {
		return nil, AuthBadCred
	}
	a.GIDs = make([]uint32, n)
	for i := range a.GIDs {
		a.GIDs[i] = d.Uint32()
	}
	if d.Err() != nil || d.Len() != 0 {
		return nil, AuthBadCred
	}
	return a, AuthOK
}
