package textview

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spillway/spillway/api/restv1"
)

// Users writes a list of users.
func Users(w io.Writer, users []restv1.User) error {
	if len(users) == 0 {
		_, err := fmt.Fprintln(w, "No users yet: only the server's own token (admin) opens the farm. Make one: spillway user set NAME --role artist")
		return err
	}
	t := newTable("USER", "ROLES", "TOKENS", "NOTE", "COMMENT")
	for _, u := range users {
		note := ""
		switch {
		case u.Disabled:
			note = "disabled"
		case len(u.Roles) == 0:
			note = "may do nothing"
		}
		t.row(u.ID, strings.Join(u.Roles, " "), u.Tokens, note, u.Comment)
	}
	return t.write(w)
}

// APITokens writes a list of a user's API tokens.
func APITokens(w io.Writer, tokens []restv1.APIToken, now time.Time) error {
	t := newTable("TOKEN", "USER", "CREATED", "EXPIRES", "USED", "COMMENT")
	for _, k := range tokens {
		expires := k.Expires.Local().Format(time.DateTime)
		if !now.Before(k.Expires) {
			expires += " (expired)"
		}
		t.row(k.ID, k.User, k.Created.Local().Format(time.DateTime), expires, ago(k.Used, now), k.Comment)
	}
	return t.write(w)
}

// Deeds writes lines of the audit.
func Deeds(w io.Writer, deeds []restv1.Deed) error {
	t := newTable("AT", "WHO", "FROM", "DID", "ON", "DETAIL")
	for _, d := range deeds {
		detail := d.Detail
		if detail == "{}" {
			detail = ""
		}
		t.row(d.At.Local().Format(time.DateTime), d.Who, d.From, d.Did, d.On, detail)
	}
	return t.write(w)
}

// Me writes who somebody is and what they may do.
func Me(w io.Writer, m restv1.Me) error {
	token := m.Token
	if token == "" {
		token = "the server's own"
	}
	_, err := fmt.Fprintf(w, "%s\n  token: %s\n  roles: %s\n  may:   %s\n", clean(m.Name), token, clean(strings.Join(m.Roles, " ")), strings.Join(m.Permissions, " "))
	return err
}
