package restv1

import "time"

// User is somebody who may do something. Jobs name their owner by it.
type User struct {
	ID       string    `json:"id"`
	Roles    []string  `json:"roles" nullable:"false" doc:"ROLE for all projects, or ROLE:PROJECT; roles are artist, wrangler and admin."`
	Comment  string    `json:"comment,omitempty"`
	Disabled bool      `json:"disabled,omitempty" doc:"None of the tokens opens anything."`
	Created  time.Time `json:"created"`
	Tokens   int       `json:"tokens" doc:"That have not expired."`
}

// UserChange makes a user or changes one. What is left out keeps its value; a new user may do nothing.
type UserChange struct {
	Roles    *[]string `json:"roles,omitempty" maxItems:"200" doc:"In place of those before."`
	Comment  *string   `json:"comment,omitempty" maxLength:"200"`
	Disabled *bool     `json:"disabled,omitempty"`
}

// APITokenRequest asks for an API token.
type APITokenRequest struct {
	Comment     string `json:"comment,omitempty" maxLength:"200" doc:"Where it is used."`
	LifeSeconds int64  `json:"lifeSeconds,omitempty" minimum:"0" maximum:"315360000" doc:"How long it is good for; 0: 90 days."`
}

// APIToken lets its bearer act as a user.
type APIToken struct {
	ID      string    `json:"id"`
	User    string    `json:"user"`
	Secret  string    `json:"secret,omitempty" doc:"Shown once, when it is made."`
	Comment string    `json:"comment,omitempty"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Used    time.Time `json:"used,omitzero" doc:"Last seen since the server was started."`
}

// Me is who asks.
type Me struct {
	Name        string   `json:"name"`
	Token       string   `json:"token,omitempty" doc:"The id of the token shown; empty for the server's own."`
	Roles       []string `json:"roles" nullable:"false"`
	Permissions []string `json:"permissions" nullable:"false" doc:"In at least one project."`
}

// Deed is a change that somebody made: a line of the audit.
type Deed struct {
	ID     string    `json:"id" doc:"Ordered."`
	At     time.Time `json:"at"`
	Who    string    `json:"who"`
	Token  string    `json:"token,omitempty" doc:"The id of the API token; empty for the server's own."`
	From   string    `json:"from,omitempty" doc:"The address that the request came from."`
	Did    string    `json:"did" example:"queue set"`
	On     string    `json:"on,omitempty" doc:"The id of what was changed."`
	Detail string    `json:"detail,omitempty" doc:"What was asked for, as JSON; cut off after 2000 bytes."`
}

// Lists of people's things.
//
//revive:disable:exported // one comment for all of them
type (
	UserList struct {
		Users []User `json:"users" nullable:"false" doc:"By name."`
	}
	APITokenList struct {
		Tokens []APIToken `json:"tokens" nullable:"false" doc:"Oldest first."`
	}
	DeedList struct {
		Deeds []Deed `json:"deeds" nullable:"false" doc:"Newest first."`
	}
)
