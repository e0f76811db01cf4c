package rest

import (
	"net/http"
	"runtime/debug"

	"github.com/spillway/spillway/internal/fault"
)

// policy lets the page load only what this server serves; pictures may come from memory.
const policy = "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// secure sets the headers that every answer carries.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		if r.TLS != nil {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		next.ServeHTTP(w, r)
	})
}

// recoverPanics keeps a defect in one answer from ending the server. http.ErrAbortHandler passes, as net/http wants it.
func (s *server) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch v := recover(); v {
			case nil:
			case http.ErrAbortHandler:
				panic(v)
			default:
				s.Log.ErrorContext(r.Context(), "panic in a request", "path", r.URL.Path, "panic", v, "stack", string(debug.Stack()))
				s.writeProblem(w, r, newProblem(http.StatusInternalServerError, fault.Internal,
					"something went wrong inside the server", "the server's log has the cause"))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// noRoute answers what no endpoint takes: a wrong method with 405 and Allow, everything else with 404.
func (s *server) noRoute(mux *http.ServeMux) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		allowed := false
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
			probe := &http.Request{Method: method, URL: r.URL, Host: r.Host}
			if _, pattern := mux.Handler(probe); pattern != prefix+"/" {
				w.Header().Add("Allow", method)
				allowed = true
			}
		}
		if allowed {
			s.writeProblem(w, r, newProblem(http.StatusMethodNotAllowed, fault.Invalid, "no "+r.Method+" here", ""))
			return
		}
		s.writeProblem(w, r, newProblem(http.StatusNotFound, fault.NotFound, "no such endpoint", "see "+prefix+"/openapi.json"))
	}
}
