package rest

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/access"
	"github.com/spillway/spillway/internal/fault"
)

const (
	cookieName = "spillway_session"
	// sessionLife is how long a browser stays signed in.
	sessionLife = 7 * 24 * time.Hour
)

// adminName is what the bearer of the server's own token is called.
const adminName = "admin"

// door decides who may come in: bearers of the server's own token or a user's, and browsers with a cookie that was given
// for one. The cookie is its own expiry and the token's id under a MAC keyed by the server's token, so that it survives a
// restart of the server and ends with either token.
type door struct {
	tokenSum [sha256.Size]byte
	macKey   []byte
}

func newDoor(token string) door {
	m := hmac.New(sha256.New, []byte(token))
	m.Write([]byte("spillway web session"))
	return door{tokenSum: sha256.Sum256([]byte(token)), macKey: m.Sum(nil)}
}

// knows reports whether the token is the right one, in constant time.
func (d door) knows(token string) bool {
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(sum[:], d.tokenSum[:]) == 1
}

// cookie returns a session that starts now, for the bearer of a token; no id: the server's own.
func (d door) cookie(now time.Time, token string, overTLS bool) *http.Cookie {
	expires := now.Add(sessionLife)
	text := strconv.FormatInt(expires.Unix(), 10) + "." + token
	return &http.Cookie{
		Name: cookieName, Value: text + "." + d.mac(text), Path: "/api/", Expires: expires,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: overTLS,
	}
}

// farewell returns a cookie that ends a session in the browser.
func farewell(overTLS bool) *http.Cookie {
	return &http.Cookie{Name: cookieName, Path: "/api/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: overTLS}
}

func (d door) mac(text string) string {
	m := hmac.New(sha256.New, d.macKey)
	m.Write([]byte(text))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// accepts returns the token for which a cookie was given, if its value is one of ours and has not expired.
func (d door) accepts(value string, now time.Time) (token string, ok bool) {
	cut := strings.LastIndexByte(value, '.')
	if cut < 0 || !hmac.Equal([]byte(value[cut+1:]), []byte(d.mac(value[:cut]))) {
		return "", false
	}
	at, token, _ := strings.Cut(value[:cut], ".")
	expires, err := strconv.ParseInt(at, 10, 64)
	return token, err == nil && now.Unix() < expires
}

// admin is the bearer of the server's own token.
func admin() access.Caller {
	return access.Caller{Name: adminName, Grants: []access.Grant{{Role: access.Admin}}}
}

// bearer returns whose a token is.
func (s *server) bearer(token string) (access.Caller, error) {
	if s.door.knows(token) {
		return admin(), nil
	}
	return s.Door.Bearer(token)
}

// holder is bearer by a token's id; none: the server's own.
func (s *server) holder(token string) (access.Caller, error) {
	if token == "" {
		return admin(), nil
	}
	return s.Door.Holder(token)
}

// still reports whether a caller's token is good yet, for what goes on for long.
func (s *server) still(c *access.Caller) bool {
	if c == nil {
		return true
	}
	_, err := s.holder(c.Token)
	return err == nil
}

// admit returns who sent a request.
func (s *server) admit(r *http.Request) (access.Caller, error) {
	if auth := r.Header.Get("Authorization"); auth != "" {
		scheme, token, _ := strings.Cut(auth, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return access.Caller{}, fault.WithHint(fault.New(fault.Denied, "unknown authorization scheme"), "send Authorization: Bearer TOKEN")
		}
		return s.bearer(strings.TrimSpace(token))
	}
	if c, err := r.Cookie(cookieName); err == nil {
		if token, ok := s.door.accepts(c.Value, time.Now()); ok {
			return s.holder(token)
		}
	}
	return access.Caller{}, fault.WithHint(fault.New(fault.Denied, "no token"), "send Authorization: Bearer TOKEN, or sign in at the web page")
}

// open reports whether the path needs no token.
func open(path string) bool {
	switch path {
	case prefix + "/session", prefix + "/version", prefix + "/openapi.json":
		return true
	}
	return false
}

// authenticate refuses requests that the door does not admit.
func (s *server) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !open(r.URL.Path) {
			caller, err := s.admit(r)
			if err != nil {
				w.Header().Set("WWW-Authenticate", `Bearer realm="spillway"`)
				s.writeProblem(w, r, newProblem(http.StatusUnauthorized, fault.Denied, err.Error(), fault.HintOf(err)))
				return
			}
			if caller.From, _, err = net.SplitHostPort(r.RemoteAddr); err != nil {
				caller.From = r.RemoteAddr
			}
			r = r.WithContext(access.WithCaller(r.Context(), &caller))
		}
		next.ServeHTTP(w, r)
	})
}
