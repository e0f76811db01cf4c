package farm

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/spillway/spillway/internal/access"
)

// UserID is a user's name: what a job's owner is called.
type UserID string

// User is somebody who may do something.
type User struct {
	ID       UserID         `json:"id"`
	Grants   []access.Grant `json:"grants,omitempty"`
	Comment  string         `json:"comment,omitempty"`
	Disabled bool           `json:"disabled,omitempty"` // none of the tokens is good for anything
	Created  time.Time      `json:"created"`
}

// APIToken lets its bearer act as a user. Only the hash of its secret is kept.
type APIToken struct {
	ID      string    `json:"id"`
	User    UserID    `json:"user"`
	Hash    string    `json:"hash"` // SHA-256, hex
	Comment string    `json:"comment,omitempty"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
}

// Deed is a change that a person made: a line of the audit.
type Deed struct {
	ID     string    `json:"id"` // ordered
	At     time.Time `json:"at"`
	Who    string    `json:"who"`
	Token  string    `json:"token,omitempty"` // the API token's id; empty: the server's own token
	From   string    `json:"from,omitempty"`  // the address that the request came from
	Did    string    `json:"did"`             // "queue set"
	On     string    `json:"on,omitempty"`    // the id of what was changed
	Detail string    `json:"detail,omitempty"`
}

// people are the users and their tokens.
type people struct {
	users  map[UserID]*User
	tokens map[string]*APIToken // by id
}

func newPeople() people { return people{users: map[UserID]*User{}, tokens: map[string]*APIToken{}} }

// Users returns all users, by name.
func (f *Farm) Users() []User {
	out := make([]User, 0, len(f.people.users))
	for _, id := range slices.Sorted(maps.Keys(f.people.users)) {
		out = append(out, cloneUser(f.people.users[id]))
	}
	return out
}

// APITokens returns all tokens, by user and age.
func (f *Farm) APITokens() []APIToken {
	out := make([]APIToken, 0, len(f.people.tokens))
	for _, t := range f.people.tokens {
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b APIToken) int { return cmp.Or(cmp.Compare(a.User, b.User), cmp.Compare(a.ID, b.ID)) })
	return out
}

// User returns a user.
func (f *Farm) User(id UserID) (User, bool) {
	u := f.people.users[id]
	if u == nil {
		return User{}, false
	}
	return cloneUser(u), true
}

// Belongs says whose a job is, and of which project.
type Belongs struct{ Project, Owner string }

// Belongs says whose the job is.
func (j *Job) Belongs() Belongs { return Belongs{j.Project, j.Owner} }

// Belongings says whose every job is.
func (f *Farm) Belongings() map[JobID]Belongs {
	out := make(map[JobID]Belongs, len(f.jobs))
	for id, j := range f.jobs {
		out[id] = j.rec.Belongs()
	}
	return out
}

func cloneUser(u *User) User {
	c := *u
	c.Grants = slices.Clone(u.Grants)
	return c
}

// peopleChanges are what of the people differs from what was last drained.
type peopleChanges struct {
	users, oldUsers   set[UserID]
	tokens, oldTokens set[string]
	deeds             []Deed
}

func newPeopleChanges() peopleChanges {
	return peopleChanges{users: set[UserID]{}, oldUsers: set[UserID]{}, tokens: set[string]{}, oldTokens: set[string]{}}
}

func (f *Farm) drainPeople(b *Batch) {
	c := &f.changes.people
	for _, id := range c.users.ordered() {
		b.Users = append(b.Users, cloneUser(f.people.users[id]))
	}
	for _, id := range c.tokens.ordered() {
		b.APITokens = append(b.APITokens, *f.people.tokens[id])
	}
	b.OldUsers, b.OldAPITokens, b.Deeds = c.oldUsers.ordered(), c.oldTokens.ordered(), c.deeds
}

func (f *Farm) loadPeople(r *Records) {
	for i := range r.Users {
		u := cloneUser(&r.Users[i])
		f.people.users[u.ID] = &u
	}
	for i := range r.APITokens {
		t := r.APITokens[i]
		f.people.tokens[t.ID] = &t
	}
}
