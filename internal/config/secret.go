package config

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spillway/spillway/internal/fault"
)

// Ref says where a secret is kept: "env:NAME", "file:/absolute/path" or "credential:NAME" (a systemd credential). The
// secret itself is never part of a configuration, so a Ref may be printed.
type Ref string

// Secret is a value that does not print itself.
type Secret string

const (
	maxSecret = 64 << 10
	hidden    = "[secret]"
)

// UnmarshalText accepts a reference and refuses anything that could be the secret itself, without repeating it.
func (r *Ref) UnmarshalText(text []byte) error {
	kind, name, _ := strings.Cut(string(text), ":")
	valid := name != "" && !strings.ContainsAny(name, "\x00\n")
	switch kind {
	case "env":
		valid = valid && !strings.ContainsAny(name, "= ")
	case "file":
		valid = valid && filepath.IsAbs(name)
	case "credential":
		valid = valid && filepath.Base(name) == name && name != "." && name != ".."
	default:
		valid = false
	}
	if !valid {
		return fault.New(fault.Invalid, "want a reference to a secret, not the secret: "+
			"\"env:NAME\", \"file:/absolute/path\" or \"credential:NAME\"")
	}
	*r = Ref(text)
	return nil
}

// Resolve reads the secret; a file's trailing line ends are not part of it. A secret that is not there, or empty, is
// fault.NotFound; no message holds its value.
func (r Ref) Resolve() (Secret, error) {
	var checked Ref
	if err := checked.UnmarshalText([]byte(r)); err != nil {
		return "", err
	}
	kind, name, _ := strings.Cut(string(r), ":")
	var value string
	switch kind {
	case "env":
		value = os.Getenv(name)
	case "credential":
		dir := os.Getenv("CREDENTIALS_DIRECTORY")
		if dir == "" {
			return "", fault.WithHint(fault.New(fault.NotFound, "no secret at %s: systemd has set no CREDENTIALS_DIRECTORY", r),
				"add LoadCredential=%s:FILE to the unit", name)
		}
		name = filepath.Join(dir, name)
		fallthrough
	default:
		data, err := readBounded(name)
		if err != nil {
			return "", fault.Wrap(fault.NotFound, err, "no secret at "+string(r))
		}
		value = strings.TrimRight(string(data), "\r\n")
	}
	if value == "" {
		return "", fault.New(fault.NotFound, "the secret at %s is empty or not set", r)
	}
	return Secret(value), nil
}

func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err == nil && len(data) > maxSecret {
		return nil, fault.New(fault.Invalid, "larger than %d bytes", maxSecret)
	}
	return data, err
}

// Reveal returns the value, for the one place that needs it.
func (s Secret) Reveal() string { return string(s) }

// String hides the value.
func (Secret) String() string { return hidden }

// GoString hides the value from %#v.
func (Secret) GoString() string { return hidden }

// MarshalText hides the value from JSON and YAML.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue hides the value from logs.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }
