package blob

import (
	"encoding/hex"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/spillway/spillway/nfs"
)

// The user metadata of objects. Names hold letters only: Azure takes no others, and some proxies drop underscores. mode,
// uid, gid and the times are those of s3fs and rclone, so that these understand each other's files.
const (
	metaMode  = "mode"  // decimal, with the file type's bits (st_mode); read also in octal with a leading 0
	metaUID   = "uid"   // decimal
	metaGID   = "gid"   // decimal
	metaAtime = "atime" // seconds since 1970, with up to nine decimals
	metaMtime = "mtime"
	metaCtime = "ctime"
	metaRdev  = "rdev"          // of devices: major:minor
	metaID    = "spillwayid"    // identity, 32 hex digits
	metaKey   = "spillwaykey"   // the key that the identity is good at, as a hash
	metaRev   = "spillwayrev"   // one change of ours, so that a repeat after a lost answer knows its own effect
	metaVerf  = "spillwayverf"  // verifier of an exclusive create
	metaFrom  = "spillwayfrom"  // what a rename copied this from: key, as a hash, and ETag
	metaNames = "spillwaynames" // of directories: the listing that mtime belongs to
)

const (
	modeTypeMask = 0o170000
	modePerm     = 0o7777
)

// typeBits are the bits of st_mode for a type.
func typeBits(t nfs.FileType) uint32 {
	switch t {
	case nfs.TypeDirectory:
		return 0o040000
	case nfs.TypeSymlink:
		return 0o120000
	case nfs.TypeFIFO:
		return 0o010000
	case nfs.TypeSocket:
		return 0o140000
	case nfs.TypeChar:
		return 0o020000
	case nfs.TypeBlock:
		return 0o060000
	}
	return 0o100000
}

func typeOfBits(mode uint32) nfs.FileType {
	for _, t := range []nfs.FileType{nfs.TypeDirectory, nfs.TypeSymlink, nfs.TypeFIFO, nfs.TypeSocket, nfs.TypeChar, nfs.TypeBlock} {
		if mode&modeTypeMask == typeBits(t) {
			return t
		}
	}
	return nfs.TypeRegular
}

// Defaults are the attributes of objects that others wrote.
type Defaults struct {
	UID, GID          uint32
	FileMode, DirMode uint32 // permission bits; 0: 0644 and 0755
}

// attrsOf reads attributes from metadata; what is missing or makes no sense gets its default. Size, Used, FSID, FileID
// and Ctime are left to the caller, Mtime is that of the store where no metadata say it. An object whose key does not
// end in "/" is never a directory, one whose key does is never anything else.
func (o *Origin) attrsOf(obj *Object, dir bool) nfs.Attr {
	m := obj.Props.Meta
	a := nfs.Attr{Type: nfs.TypeRegular, Mode: o.defaults.FileMode, Nlink: 1, UID: o.defaults.UID, GID: o.defaults.GID}
	if dir {
		a.Type, a.Mode = nfs.TypeDirectory, o.defaults.DirMode
	}
	if mode, ok := parseMode(m[metaMode]); ok {
		a.Mode = mode & modePerm
		if t := typeOfBits(mode); !dir && t != nfs.TypeDirectory {
			a.Type = t
		}
	}
	if v, err := strconv.ParseUint(m[metaUID], 10, 32); err == nil {
		a.UID = uint32(v)
	}
	if v, err := strconv.ParseUint(m[metaGID], 10, 32); err == nil {
		a.GID = uint32(v)
	}
	if a.Type == nfs.TypeChar || a.Type == nfs.TypeBlock {
		var d nfs.Device
		if n, err := fmt.Sscanf(m[metaRdev], "%d:%d", &d.Major, &d.Minor); n == 2 && err == nil {
			a.Rdev = d
		}
	}
	modified := nfs.TimeOf(obj.Modified)
	if obj.Modified.IsZero() {
		modified = nfs.Time{}
	}
	a.Mtime = timeOr(m[metaMtime], modified)
	a.Atime = timeOr(m[metaAtime], a.Mtime)
	return a
}

// putAttrs writes attributes into metadata.
func putAttrs(m map[string]string, a *nfs.Attr) {
	m[metaMode] = strconv.FormatUint(uint64(typeBits(a.Type)|a.Mode&modePerm), 10)
	m[metaUID] = strconv.FormatUint(uint64(a.UID), 10)
	m[metaGID] = strconv.FormatUint(uint64(a.GID), 10)
	m[metaAtime], m[metaMtime], m[metaCtime] = formatTime(a.Atime), formatTime(a.Mtime), formatTime(a.Ctime)
	if a.Type == nfs.TypeChar || a.Type == nfs.TypeBlock {
		m[metaRdev] = formatDevice(a.Rdev)
	}
}

func formatDevice(d nfs.Device) string { return fmt.Sprintf("%d:%d", d.Major, d.Minor) }

// rewritten returns the properties of obj with the attributes, identity and revision of the change to come.
func (o *Origin) rewritten(obj *Object, key string, id token, a *nfs.Attr) Props {
	m := maps.Clone(obj.Props.Meta)
	if m == nil {
		m = map[string]string{}
	}
	putAttrs(m, a)
	m[metaID], m[metaKey], m[metaRev] = hex.EncodeToString(id[:]), keyHash(key), newRevision()
	return Props{Meta: m, Headers: obj.Props.Headers}
}

func parseMode(s string) (uint32, bool) {
	base := 10
	if len(s) > 1 && s[0] == '0' {
		base = 8
	}
	v, err := strconv.ParseUint(s, base, 32)
	return uint32(v), err == nil
}

func formatTime(t nfs.Time) string { return fmt.Sprintf("%d.%09d", t.Sec, t.Nsec) }

// parseTime reads seconds with up to nine decimals.
func parseTime(s string) (nfs.Time, bool) {
	whole, frac, dot := strings.Cut(s, ".")
	sec, err := strconv.ParseUint(whole, 10, 32)
	if err != nil {
		return nfs.Time{}, false
	}
	t := nfs.Time{Sec: uint32(sec)}
	if dot {
		if len(frac) == 0 || len(frac) > 9 {
			return nfs.Time{}, false
		}
		nsec, err := strconv.ParseUint(frac+strings.Repeat("0", 9-len(frac)), 10, 32)
		if err != nil {
			return nfs.Time{}, false
		}
		t.Nsec = uint32(nsec)
	}
	return t, true
}

func timeOr(s string, otherwise nfs.Time) nfs.Time {
	if t, ok := parseTime(s); ok {
		return t
	}
	return otherwise
}

// taggedTime is a change time for a version that others wrote: the store's seconds, and for the rest a number that
// differs with the version, so that two versions within a second are told apart.
func taggedTime(at nfs.Time, tag string) nfs.Time {
	at.Nsec = uint32(stableHash(tag) % 1_000_000_000)
	return at
}

// stableHash is FNV-1a: the same in every process.
func stableHash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// newRevision returns a number that no other change has.
func newRevision() string { return hex.EncodeToString(randomBytes(8)) }
