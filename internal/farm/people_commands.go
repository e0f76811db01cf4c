package farm

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/access"
	"github.com/spillway/spillway/internal/fault"
)

// AdminUser is the name under which the server's own token acts. No user can have it.
const AdminUser UserID = "admin"

const (
	maxUsers   = 10_000
	maxGrants  = 200
	maxTokens  = 100 // of a user
	maxComment = 200
	maxDetail  = 2000
	maxLife    = 10 * 366 * 24 * time.Hour
)

// By carries out a command as a person, and notes it in the audit in the same transaction: once, or once for each job that
// a ForJobs changed. It returns what the command returns. Without a command it only notes what was done elsewhere.
type By struct {
	Deed access.Deed
	Do   Command
}

func (c By) apply(f *Farm, now time.Time) (any, error) {
	var result any
	if c.Do != nil {
		var err error
		if result, err = c.Do.apply(f, now); err != nil {
			return result, err
		}
	}
	on := []string{c.Deed.On}
	switch r := result.(type) {
	case JobID:
		on[0] = orElse(on[0], string(r))
	case PoolID:
		on[0] = orElse(on[0], string(r))
	case APIToken:
		on[0] = string(r.User) + "/" + r.ID
	case *JobsDone:
		on = on[:0]
		for _, id := range r.Done {
			on = append(on, string(id))
		}
	}
	detail := strings.ToValidUTF8(c.Deed.Detail, "\uFFFD")
	if len(detail) > maxDetail {
		detail = strings.ToValidUTF8(detail[:maxDetail], "") + "…"
	}
	for _, id := range on {
		f.changes.people.deeds = append(f.changes.people.deeds, Deed{
			ID: f.cfg.NewID("u"), At: now, Who: c.Deed.Caller.Name, Token: c.Deed.Caller.Token, From: c.Deed.Caller.From,
			Did: c.Deed.Did, On: id, Detail: detail,
		})
	}
	return result, nil
}

// SetUser makes a user or changes one. What is nil keeps its value; a new user may do nothing. It returns a User.
type SetUser struct {
	User     UserID
	Grants   *[]access.Grant
	Comment  *string
	Disabled *bool
}

func (c SetUser) apply(f *Farm, now time.Time) (any, error) {
	u := f.people.users[c.User]
	r := User{ID: c.User, Created: now}
	if u != nil {
		r = cloneUser(u)
	}
	r.Comment, r.Disabled = given(c.Comment, r.Comment), given(c.Disabled, r.Disabled)
	if c.Grants != nil {
		r.Grants = access.Tidy(*c.Grants)
	}
	for _, g := range r.Grants {
		if err := g.Validate(); err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "user "+string(c.User))
		}
	}
	switch {
	case !nameLike(string(c.User)):
		return nil, fault.WithHint(fault.New(fault.Invalid, "%q is no name for a user", c.User), nameNeeded)
	case c.User == AdminUser:
		return nil, fault.WithHint(fault.New(fault.Conflict, "the name %s belongs to the server's own token", AdminUser), "take another name, and give it the role admin")
	case len(r.Grants) > maxGrants:
		return nil, fault.New(fault.Invalid, "a user of %d roles has too many, %d are allowed", len(r.Grants), maxGrants)
	case len(r.Comment) > maxComment:
		return nil, fault.New(fault.Invalid, "the comment is longer than %d bytes", maxComment)
	case u == nil && len(f.people.users) >= maxUsers:
		return nil, fault.New(fault.Exhausted, "there are %d users already", maxUsers)
	}
	f.people.users[c.User] = &r
	f.changes.people.users.add(c.User)
	f.changes.people.oldUsers.drop(c.User)
	return cloneUser(&r), nil
}

// DeleteUser removes a user and revokes all tokens of theirs. Their jobs stay.
type DeleteUser struct{ User UserID }

func (c DeleteUser) apply(f *Farm, _ time.Time) (any, error) {
	if err := f.knowsUser(c.User); err != nil {
		return nil, err
	}
	for id, t := range f.people.tokens {
		if t.User == c.User {
			f.revoke(id)
		}
	}
	delete(f.people.users, c.User)
	f.changes.people.users.drop(c.User)
	f.changes.people.oldUsers.add(c.User)
	return nil, nil
}

// knowsUser fails for somebody the farm has no record of.
func (f *Farm) knowsUser(id UserID) error {
	if f.people.users[id] != nil {
		return nil
	}
	return fault.WithHint(fault.New(fault.NotFound, "there is no user %q", id), "see: spillway user list")
}

// AddAPIToken gives a user a token. It returns the APIToken.
type AddAPIToken struct {
	User    UserID
	Hash    string // of its secret, which the farm does not learn
	Comment string
	Life    time.Duration
}

func (c AddAPIToken) apply(f *Farm, now time.Time) (any, error) {
	if err := f.knowsUser(c.User); err != nil {
		return nil, err
	}
	count := 0
	for _, t := range f.people.tokens {
		if t.User == c.User {
			count++
		}
	}
	switch {
	case c.Life <= 0 || c.Life > maxLife:
		return nil, fault.New(fault.Invalid, "a token's life of %s is not between a moment and ten years", c.Life)
	case len(c.Comment) > maxComment:
		return nil, fault.New(fault.Invalid, "the comment is longer than %d bytes", maxComment)
	case len(c.Hash) != 64:
		return nil, fault.New(fault.Invalid, "that is no hash of a token")
	case count >= maxTokens:
		return nil, fault.WithHint(fault.New(fault.Exhausted, "%s has %d tokens already", c.User, count), "revoke old ones: spillway user token list %s", c.User)
	}
	t := APIToken{ID: f.cfg.NewID("t"), User: c.User, Hash: c.Hash, Comment: c.Comment, Created: now, Expires: instant(now.Add(c.Life))}
	f.people.tokens[t.ID] = &t
	f.changes.people.tokens.add(t.ID)
	return t, nil
}

// RevokeAPIToken ends a token for good.
type RevokeAPIToken struct {
	User UserID
	ID   string
}

func (c RevokeAPIToken) apply(f *Farm, _ time.Time) (any, error) {
	t := f.people.tokens[c.ID]
	if t == nil || t.User != c.User {
		return nil, fault.WithHint(fault.New(fault.NotFound, "%s has no token %q", c.User, c.ID), "see: spillway user token list %s", c.User)
	}
	f.revoke(c.ID)
	return nil, nil
}

func (f *Farm) revoke(id string) {
	delete(f.people.tokens, id)
	f.changes.people.tokens.drop(id)
	f.changes.people.oldTokens.add(id)
}

// DeedFilter says which deeds are meant: those that fit all that is given.
type DeedFilter struct {
	Who    string
	Did    string // the verb, or its first words: "job", "user token"
	On     string // the id, or all but its end
	Since  time.Time
	Until  time.Time // zero: until now
	Before string    // only deeds older than the one with this id
	Limit  int       // 1 to 10,000
}

// Validate refuses what no deed could fit.
func (q *DeedFilter) Validate() error {
	if q.Limit < 1 || q.Limit > 10_000 {
		return fault.New(fault.Invalid, "%d deeds at once, 1 to 10000 are allowed", q.Limit)
	}
	if !q.Since.IsZero() && !q.Until.IsZero() && q.Until.Before(q.Since) {
		return fault.New(fault.Invalid, "the time asked for ends before it begins")
	}
	return nil
}

// Fits reports whether a deed is meant. Limit is the caller's business.
func (q *DeedFilter) Fits(d *Deed) bool {
	return (q.Who == "" || q.Who == d.Who) && (q.Did == "" || d.Did == q.Did || strings.HasPrefix(d.Did, q.Did+" ")) &&
		(q.On == "" || d.On == q.On || strings.HasPrefix(d.On, q.On+"/")) && !d.At.Before(q.Since) &&
		(q.Until.IsZero() || d.At.Before(q.Until)) && (q.Before == "" || d.ID < q.Before)
}

func (d *Deed) String() string {
	return fmt.Sprintf("%s %s %s %s", d.At.Format(time.RFC3339), d.Who, d.Did, d.On)
}

// checkPeople tells of tokens whose user there is not.
func (f *Farm) checkPeople() error {
	for id, t := range f.people.tokens {
		if f.people.users[t.User] == nil || id != t.ID {
			return fmt.Errorf("token %s of nobody", id)
		}
	}
	for id, u := range f.people.users {
		if id != u.ID || !slices.Equal(u.Grants, access.Tidy(u.Grants)) {
			return fmt.Errorf("user %s is not in order", id)
		}
	}
	return nil
}
