package session

import (
	"bytes"
	"io"
	"sync"
	"sync/atomic"

	"github.com/spillway/spillway/internal/agent/progress"
	"github.com/spillway/spillway/openjd"
)

// maxLine bounds a line of output; a longer one is cut into several.
const maxLine = 64 << 10

// maxSaved bounds the files that one action may say it wrote.
const maxSaved = 10_000

// output takes what one action prints: it follows the messages, hides secrets and writes the log. It is read by one
// goroutine at a time.
type output struct {
	role     openjd.Role
	log      io.Writer
	redactor *sharedRedactor
	observer Observer
	grew     func()
	abort    func(error) // called once with what makes the action fail: a malformed message, a log that can't be written

	signs   []*sign
	taken   atomic.Int64 // bytes
	pending []byte
	parser  progress.Parser
	aborted bool

	fail  string           // of the last openjd_fail
	saved []string         // of the program's own lines
	set   []environmentSet // of openjd_env and the like, in order
}

// environmentSet is one change of the environment.
type environmentSet struct {
	name, value string
	unset       bool
	redacted    bool
}

// sharedRedactor hides the session's secrets, which outlive the action that named them.
type sharedRedactor struct {
	mu sync.Mutex // guards r
	r  openjd.Redactor
}

func (s *sharedRedactor) add(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.r.Add(value)
}

func (s *sharedRedactor) line(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.Line(text)
}

// Write takes output in any pieces. It never fails: an action must not die of SIGPIPE because its log can't be written.
func (o *output) Write(p []byte) (int, error) {
	n := len(p)
	o.taken.Add(int64(n))
	for len(p) > 0 {
		end := bytes.IndexAny(p, "\n\r")
		room := maxLine - len(o.pending)
		switch {
		case end >= 0 && end <= room:
			o.pending = append(o.pending, p[:end]...)
			o.line(p[end] == '\r')
			p = p[end+1:]
		case len(p) > room:
			o.pending = append(o.pending, p[:room]...)
			o.line(false)
			p = p[room:]
		default:
			o.pending = append(o.pending, p...)
			p = nil
		}
	}
	o.grew()
	return n, nil
}

// flush takes an unfinished last line.
func (o *output) flush() {
	if len(o.pending) > 0 {
		o.line(false)
		o.grew()
	}
}

// line takes a complete line. A carriage return ends a line too, because programs redraw their progress with it; such a
// line, and the nothing between the two characters of a DOS line end, is kept as a line of its own.
func (o *output) line(carriageReturn bool) {
	text := string(o.pending)
	o.pending = o.pending[:0]
	if carriageReturn && text == "" {
		return
	}
	o.directive(text)
	for _, s := range o.signs {
		s.see(text)
	}
	if u, ok := o.parser.Line(text); ok {
		if u.Saved != "" && len(o.saved) < maxSaved {
			o.saved = append(o.saved, u.Saved)
		}
		if u.Percent >= 0 || u.Status != "" {
			o.observer.Progress(u.Percent, o.redactor.line(u.Status))
		}
	}
	if _, err := io.WriteString(o.log, o.redactor.line(text)+"\n"); err != nil {
		o.stop(err)
	}
}

func (o *output) stop(err error) {
	if !o.aborted {
		o.aborted = true
		o.abort(err)
	}
}

func (o *output) directive(text string) {
	d, ok, err := openjd.ParseDirective(text)
	if !ok {
		return
	}
	if err != nil {
		o.stop(&malformed{err})
		return
	}
	switch d.Kind {
	case openjd.Progress:
		o.observer.Progress(d.Percent, "")
	case openjd.Status:
		o.observer.Progress(-1, o.redactor.line(d.Message))
	case openjd.Fail:
		o.fail = o.redactor.line(d.Message)
	case openjd.SetRedactedEnv:
		o.redactor.add(d.Value)
		o.change(environmentSet{name: d.Name, value: d.Value, redacted: true})
	case openjd.SetEnv:
		o.change(environmentSet{name: d.Name, value: d.Value})
	case openjd.UnsetEnv:
		o.change(environmentSet{name: d.Name, unset: true})
	}
}

// change notes a change of the environment, which only onEnter may make.
func (o *output) change(c environmentSet) {
	if entering(o.role) {
		o.set = append(o.set, c)
	}
}

// entering reports whether an action enters an environment, itself or wrapped.
func entering(r openjd.Role) bool { return r == openjd.OnEnter || r == openjd.OnWrapEnvEnter }

// malformed is a message that means to be one of Open Job Description's but is not.
type malformed struct{ err error }

func (m *malformed) Error() string { return "malformed message in the output: " + m.err.Error() }
func (m *malformed) Unwrap() error { return m.err }
