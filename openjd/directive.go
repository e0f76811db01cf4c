package openjd

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// DirectiveKind is the kind of a message that an action prints for its session.
type DirectiveKind uint8

// The messages of How Jobs Are Run, Stdout/Stderr Messages. SetEnv, SetRedactedEnv and UnsetEnv count only in the
// output of an environment's onEnter.
const (
	Progress       DirectiveKind = iota // Percent is set
	Status                              // Message is set
	Fail                                // Message is set
	SetEnv                              // Name and Value are set
	SetRedactedEnv                      // Name and Value are set; Value must not be shown
	UnsetEnv                            // Name is set
)

var directiveWords = [...]string{"progress", "status", "fail", "env", "redacted_env", "unset_env"}

// String returns the word of the message, such as openjd_progress.
func (k DirectiveKind) String() string {
	if int(k) < len(directiveWords) {
		return directivePrefix + directiveWords[k]
	}
	return directivePrefix + "unknown"
}

const (
	directivePrefix = "openjd_"
	maxEnvName      = 256 // §4.4.1
)

// Directive is one message.
type Directive struct {
	Kind    DirectiveKind
	Percent float64 // 0 to 100
	Message string
	Name    string
	Value   string
}

// ParseDirective reads one line of an action's output, with or without its end. ok is false for a line that is no
// message; a line that means to be one but is malformed has ok and an error, which never quotes a redacted value.
func ParseDirective(line string) (d Directive, ok bool, err error) {
	rest, ok := strings.CutPrefix(line, directivePrefix)
	if !ok {
		return d, false, nil
	}
	word, text, ok := strings.Cut(rest, ":")
	if !ok || strings.ContainsFunc(word, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }) {
		return d, false, nil
	}
	kind := -1
	for i, w := range directiveWords {
		if w == word {
			kind = i
		}
	}
	if kind < 0 {
		hint := didYouMean(word, directiveWords[:])
		return d, true, errors.New(strings.TrimSpace(fmt.Sprintf("%s%s is no message of Open Job Description %s", directivePrefix, clip(word), hint)))
	}
	d.Kind = DirectiveKind(kind)
	text = strings.TrimRight(text, "\r\n")
	if err := d.parse(strings.TrimLeft(text, " \t")); err != nil {
		return Directive{Kind: d.Kind}, true, fmt.Errorf("%v: %w", d.Kind, err)
	}
	return d, true, nil
}

func (d *Directive) parse(text string) (err error) {
	switch d.Kind {
	case Progress:
		percent, ok := parseFloat(text)
		if !ok || percent < 0 || percent > 100 {
			return fmt.Errorf("%q is not a number from 0 to 100", clip(text))
		}
		d.Percent = percent
	case Status, Fail:
		d.Message = text
	case SetEnv, SetRedactedEnv:
		return d.parseAssignment(text)
	case UnsetEnv:
		d.Name = strings.TrimRight(text, " \t")
		return checkEnvName(d.Name)
	}
	return nil
}

// parseAssignment reads NAME=value, or a JSON string that holds it, for values of several lines.
func (d *Directive) parseAssignment(text string) error {
	if strings.HasPrefix(text, `"`) {
		var decoded string
		if json.Unmarshal([]byte(text), &decoded) != nil {
			return errors.New("starts with a quote but is not a JSON string")
		}
		text = decoded
	}
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		return errors.New("is not of the form NAME=value")
	}
	if err := checkEnvName(name); err != nil {
		return err
	}
	if strings.ContainsRune(value, 0) {
		return errors.New("the value holds a NUL character")
	}
	d.Name, d.Value = name, value
	return nil
}

func checkEnvName(name string) error {
	if !isIdentifier(name) || len(name) > maxEnvName {
		return fmt.Errorf("%q is not the name of an environment variable (letters, digits and _, at most %d characters)", clip(name), maxEnvName)
	}
	return nil
}
