package rpc

// Flavor is a kind of authentication (RFC 5531 §8.2).
type Flavor uint32

// The flavors of this package; others are refused with AUTH_REJECTEDCRED.
const (
	AuthNone Flavor = 0
	AuthSys  Flavor = 1
)

// MaxGIDs is the most supplementary groups of AUTH_SYS (RFC 5531 appendix A).
const MaxGIDs = 16

// Auth is the credential of a call. For AUTH_NONE only Flavor counts.
type Auth struct {
	Flavor  Flavor
	Stamp   uint32
	Machine string // at most 255 bytes
	UID     uint32
	GID     uint32
	GIDs    []uint32 // supplementary groups; on sending, those after the 16th are left out
}

// Sys returns an AUTH_SYS credential.
func Sys(machine string, uid, gid uint32, gids ...uint32) *Auth {
	return &Auth{Flavor: AuthSys, Machine: machine, UID: uid, GID: gid, GIDs: gids}
}
