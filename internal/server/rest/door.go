package rest

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/fault"
)

const (
	tokenHint  = "the server's token is in admin.token in its directory"
	cookieName = "spillway_session"
	// sessionLife is how long a browser stays signed in.
	sessionLife = 7 * 24 * time.Hour
)

// door decides who may come in: bearers of the token, and browsers with a cookie that was given for it. The cookie is its
// own expiry under a MAC keyed by the token, so that it survives a restart of the server and ends with the token.
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

// cookie returns a session that starts now.
func (d door) cookie(now time.Time, overTLS bool) *http.Cookie {
	expires := now.Add(sessionLife)
	at := strconv.FormatInt(expires.Unix(), 10)
	return &http.Cookie{
		Name: cookieName, Value: at + "." + d.mac(at), Path: "/api/", Expires: expires,
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

// accepts reports whether a cookie's value is one of ours and has not expired.
func (d door) accepts(value string, now time.Time) bool {
	at, mac, ok := strings.Cut(value, ".")
	if !ok || !hmac.Equal([]byte(mac), []byte(d.mac(at))) {
		return false
	}
	expires, err := strconv.ParseInt(at, 10, 64)
	return err == nil && now.Unix() < expires
}

// admit returns nil if the request may pass.
func (d door) admit(r *http.Request) error {
	if auth := r.Header.Get("Authorization"); auth != "" {
		scheme, token, _ := strings.Cut(auth, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return fault.WithHint(fault.New(fault.Denied, "unknown authorization scheme"), "send Authorization: Bearer TOKEN")
		}
		if !d.knows(strings.TrimSpace(token)) {
			return fault.WithHint(fault.New(fault.Denied, "the token is not known"), tokenHint)
		}
		return nil
	}
	if c, err := r.Cookie(cookieName); err == nil && d.accepts(c.Value, time.Now()) {
		return nil
	}
	return fault.WithHint(fault.New(fault.Denied, "no token"), "send Authorization: Bearer TOKEN, or sign in at the web page")
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
			if err := s.door.admit(r); err != nil {
				w.Header().Set("WWW-Authenticate", `Bearer realm="spillway"`)
				s.writeProblem(w, r, newProblem(http.StatusUnauthorized, fault.Denied, err.Error(), fault.HintOf(err)))
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
