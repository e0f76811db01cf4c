package rest

import (
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

const (
	// prefix is where the API lives.
	prefix = "/api/v1"
	// maxBody bounds a request: a template of 4 MiB, a policy and parameters, with JSON's escapes.
	maxBody = 10 << 20
	// maxTemplate bounds a template's or a policy's text.
	maxTemplate = 4 << 20
	// answerWithin bounds the work for one answer; streams are not bound by it.
	answerWithin = 30 * time.Second
	// heartbeat is how often an event stream shows that it lives. Proxies close what is silent for a minute.
	heartbeat = 10 * time.Second
	// writeWithin is how long a reader of a stream may take for one write.
	writeWithin = 20 * time.Second
)

// Config says what the API serves and to whom.
type Config struct {
	Jobs    Jobs
	Fleet   Fleet
	Streams Streams
	Sharing Sharing
	Door    Door
	Users   Users
	Ledger  Ledger

	// Token is the secret of the server's own token: it opens everything, under the name admin.
	Token string
	// Web is the page, served below /; nil serves none.
	Web fs.FS
	// Version and Commit name the build.
	Version, Commit string
	// Log takes what a user is not shown: causes of internal errors, panics.
	Log *slog.Logger
}

func (c Config) check() error {
	switch {
	case c.Jobs == nil || c.Fleet == nil || c.Streams == nil || c.Sharing == nil || c.Door == nil || c.Users == nil || c.Ledger == nil || c.Log == nil:
		return fault.New(fault.Internal, "rest: incomplete configuration")
	case len(c.Token) < 16:
		return fault.WithHint(fault.New(fault.Invalid, "the API token is shorter than 16 characters"),
			"let the server make one: remove admin.token from its directory")
	}
	return nil
}

// New returns the handler for everything below /api/v1 and, with a page, below /.
func New(c Config) (http.Handler, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	s := &server{Config: c, door: newDoor(c.Token)}
	s.routes(mux)
	mux.HandleFunc(prefix+"/", s.noRoute(mux))
	var h http.Handler = mux
	h = s.authenticate(h)
	if c.Web != nil {
		root := http.NewServeMux()
		root.Handle(prefix+"/", h)
		root.Handle("/", page(c.Web))
		h = root
	}
	h = http.NewCrossOriginProtection().Handler(h)
	return s.recoverPanics(secure(h)), nil
}

type server struct {
	Config
	door door
}
