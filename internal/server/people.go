package server

import (
	"context"
	"sync"
	"time"

	"github.com/spillway/spillway/internal/access"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
	"github.com/spillway/spillway/internal/server/rest"
)

var _ rest.Door = (*Server)(nil)

// people is what is committed of users, tokens and whose the jobs are, at hand for every request.
type people struct {
	// mu guards what follows.
	mu     sync.RWMutex
	users  map[farm.UserID]farm.User
	byHash map[string]farm.APIToken
	byID   map[string]farm.APIToken
	used   map[string]time.Time // tokens, since the start
	jobs   map[farm.JobID]farm.Belongs
}

func newPeople() *people {
	return &people{used: map[string]time.Time{}, jobs: map[farm.JobID]farm.Belongs{}}
}

// committed takes in what a commit, or a load, has changed.
func (p *people) committed(f *farm.Farm, batch *farm.Batch, loaded bool) {
	if !loaded && len(batch.Jobs)+len(batch.Users)+len(batch.OldUsers)+len(batch.APITokens)+len(batch.OldAPITokens) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if loaded {
		p.jobs = f.Belongings()
	}
	for i := range batch.Jobs {
		p.jobs[batch.Jobs[i].ID] = batch.Jobs[i].Belongs()
	}
	if !loaded && len(batch.Users)+len(batch.OldUsers)+len(batch.APITokens)+len(batch.OldAPITokens) == 0 {
		return
	}
	p.users, p.byHash, p.byID = map[farm.UserID]farm.User{}, map[string]farm.APIToken{}, map[string]farm.APIToken{}
	for _, u := range f.Users() {
		p.users[u.ID] = u
	}
	for _, t := range f.APITokens() {
		p.byHash[t.Hash], p.byID[t.ID] = t, t
	}
}

// of returns the bearer of a token that is good.
func (p *people) of(t farm.APIToken, known bool, now time.Time) (access.Caller, error) {
	if !known {
		return access.Caller{}, fault.WithHint(fault.New(fault.Denied, "the token is not known"),
			"ask an admin for one (spillway user token create NAME); the server's own is in admin.token in its directory")
	}
	u := p.users[t.User]
	switch {
	case !now.Before(t.Expires):
		return access.Caller{}, fault.WithHint(fault.New(fault.Denied, "the token of %s expired at %s", t.User, t.Expires.Format(time.RFC3339)),
			"ask for a new one (spillway user token create %s)", t.User)
	case u.Disabled:
		return access.Caller{}, fault.WithHint(fault.New(fault.Denied, "the user %s is disabled", t.User), "an admin can undo that: spillway user set %s --no-disable", t.User)
	}
	return access.Caller{Name: string(t.User), Token: t.ID, Grants: u.Grants}, nil
}

// Bearer returns whose a token is. The secret cannot be guessed, so its hash may be looked up.
func (s *Server) Bearer(secret string) (access.Caller, error) {
	p, now := s.people, time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	t, known := p.byHash[identity.TokenHash(secret)]
	c, err := p.of(t, known, now)
	if err == nil {
		p.used[t.ID] = now
	}
	return c, err
}

// Holder returns whose a token is, by its id.
func (s *Server) Holder(token string) (access.Caller, error) {
	p := s.people
	p.mu.RLock()
	defer p.mu.RUnlock()
	t, known := p.byID[token]
	return p.of(t, known, time.Now())
}

// JobOf returns a job's project and owner.
func (s *Server) JobOf(_ context.Context, id string) (project, owner string, err error) {
	s.people.mu.RLock()
	defer s.people.mu.RUnlock()
	b, ok := s.people.jobs[farm.JobID(id)]
	if !ok {
		return "", "", noJob(id)
	}
	return b.Project, b.Owner, nil
}

// AttemptOf returns the project and owner of an attempt's job.
func (s *Server) AttemptOf(ctx context.Context, id string) (project, owner string, err error) {
	a, err := s.attempt(ctx, id)
	if err != nil {
		return "", "", err
	}
	return s.JobOf(ctx, string(a.Unit.Job))
}

// sees returns which jobs whoever asks may see; nil: all.
func (s *Server) sees(ctx context.Context) func(farm.JobID) bool {
	c := access.CallerOf(ctx)
	if c == nil {
		return nil
	}
	if _, all := c.Projects(access.SeeJobs); all {
		return nil
	}
	return func(id farm.JobID) bool {
		project, owner, err := s.JobOf(ctx, string(id))
		return err == nil && c.May(access.SeeJobs, project, owner)
	}
}

// do carries out a command; one of a person's is audited.
func (s *Server) do(ctx context.Context, c farm.Command) (any, error) {
	if d, ok := access.DeedOf(ctx); ok {
		c = farm.By{Deed: d, Do: c}
	}
	return s.loop.Do(ctx, c)
}

// note audits what has been done outside the farm.
func (s *Server) note(ctx context.Context) error {
	d, ok := access.DeedOf(ctx)
	if !ok {
		return nil
	}
	_, err := s.loop.Do(ctx, farm.By{Deed: d})
	return err
}

// asker names who asks.
func asker(ctx context.Context) string {
	if c := access.CallerOf(ctx); c != nil {
		return c.Name
	}
	return "the user"
}
