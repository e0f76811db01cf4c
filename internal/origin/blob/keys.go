package blob

import (
	"strings"
	"unicode/utf8"

	"github.com/spillway/spillway/nfs"
)

// Names may hold any byte but "/" and NUL, keys are UTF-8 without control characters. A byte that a key cannot hold is
// written %XX. A "%" stands for itself, unless what follows would make it read as such an escape: %(25)*XX stands for
// the same with one 25 less. So every name has one key, and every key that a name can say has one name.

const maxName = 255 // bytes, as everywhere else

// escapable says whether an escape may stand for b.
func escapable(b byte) bool { return b < 0x20 || b >= 0x7f || b == '\\' || b == '.' }

// escapeAt says whether s begins with %(25)*XX, XX being escapable.
func escapeAt(s string) bool {
	if len(s) < 3 || s[0] != '%' {
		return false
	}
	s = s[1:]
	for strings.HasPrefix(s, "25") {
		s = s[2:]
	}
	b, ok := unhex(s)
	return ok && escapable(b)
}

func unhex(s string) (byte, bool) {
	if len(s) < 2 {
		return 0, false
	}
	hi, lo := strings.IndexByte(hexDigits, s[0]), strings.IndexByte(hexDigits, s[1])
	return byte(hi<<4 | lo), hi >= 0 && lo >= 0
}

const hexDigits = "0123456789ABCDEF"

// encodeName returns the part of a key that stands for a name.
func encodeName(name string, l *Limits) string {
	var out strings.Builder
	escape := func(b byte) {
		out.WriteByte('%')
		out.WriteByte(hexDigits[b>>4])
		out.WriteByte(hexDigits[b&15])
	}
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRuneInString(name[i:])
		b := name[i]
		switch {
		case r == '%':
			out.WriteByte('%')
			if escapeAt(name[i:]) {
				out.WriteString("25")
			}
		case r == utf8.RuneError && n == 1, r == 0xfffe, r == 0xffff, r < 0x20, r == 0x7f, r == '\\' && strings.Contains(l.Escape, `\`),
			r == '.' && i == len(name)-1 && strings.Contains(l.Escape, "."):
			for range n {
				escape(b)
				i++
				if i < len(name) {
					b = name[i]
				}
			}
			continue
		default:
			out.WriteString(name[i : i+n])
		}
		i += n
	}
	return out.String()
}

// decodeName returns the name that part of a key stands for; false when no name does.
func decodeName(part string, l *Limits) (string, bool) {
	var out strings.Builder
	for i := 0; i < len(part); {
		if !escapeAt(part[i:]) {
			out.WriteByte(part[i])
			i++
			continue
		}
		if strings.HasPrefix(part[i+1:], "25") { // the rest stands for itself, up to and with its XX
			out.WriteByte('%')
			for i += 3; strings.HasPrefix(part[i:], "25"); i += 2 {
				out.WriteString("25")
			}
			out.WriteString(part[i : i+2])
			i += 2
			continue
		}
		b, _ := unhex(part[i+1:])
		out.WriteByte(b)
		i += 3
	}
	name := out.String()
	return name, checkName(name) == nil && encodeName(name, l) == part
}

// checkName refuses what is no single name.
func checkName(name string) error {
	switch {
	case name == "" || strings.ContainsAny(name, "/\x00"):
		return nfs.ErrInval
	case name == "." || name == "..":
		return nfs.ErrExist
	case len(name) > maxName:
		return nfs.ErrNameTooLong
	}
	return nil
}

// childKey returns the key of the file name in the directory with the key dir, which is "" or ends in "/". There must be
// room for the "/" of a directory too, so that what can be a file's name can be a directory's.
func (o *Origin) childKey(dir, name string) (string, error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	key := dir + encodeName(name, &o.limits)
	if len(key)+1 > o.limits.Key {
		return "", nfs.ErrNameTooLong
	}
	return key, nil
}
