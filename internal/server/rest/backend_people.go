package rest

import (
	"context"
	"time"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/access"
)

// Door says who comes in, and whose the things are that they ask for.
type Door interface {
	// Bearer returns whose a token is. Denied: it is unknown, has expired, or its user is disabled. It must be quick.
	Bearer(secret string) (access.Caller, error)
	// Holder is Bearer by a token's id, for browsers that have signed in with it.
	Holder(token string) (access.Caller, error)
	// JobOf returns a job's project and owner.
	JobOf(ctx context.Context, job string) (project, owner string, err error)
	// AttemptOf returns the project and owner of an attempt's job.
	AttemptOf(ctx context.Context, attempt string) (project, owner string, err error)
}

// Users answers for users, their tokens, and what they did.
type Users interface {
	// Users returns users by name.
	Users(ctx context.Context) ([]restv1.User, error)
	// SetUser makes a user or changes one. Invalid: a name or role that is none; Conflict: the name admin.
	SetUser(ctx context.Context, id string, c restv1.UserChange) (restv1.User, error)
	// DeleteUser removes a user and revokes all tokens of theirs; what they did and own stays.
	DeleteUser(ctx context.Context, id string) error
	// APITokens returns a user's tokens, oldest first, without secrets.
	APITokens(ctx context.Context, user string) ([]restv1.APIToken, error)
	// AddAPIToken makes a token. Only its answer has the secret.
	AddAPIToken(ctx context.Context, user string, r restv1.APITokenRequest) (restv1.APIToken, error)
	// RevokeAPIToken ends a token for good.
	RevokeAPIToken(ctx context.Context, user, token string) error
	// Deeds returns lines of the audit, newest first.
	Deeds(ctx context.Context, f DeedFilter) ([]restv1.Deed, error)
}

// DeedFilter narrows the audit. The zero value of a field asks for nothing.
type DeedFilter struct {
	Who    string
	Did    string
	On     string
	Since  time.Time
	Until  time.Time
	Before string // a line's id
	Limit  int    // always set
}
