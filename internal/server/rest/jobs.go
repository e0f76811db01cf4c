package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/access"
	"github.com/spillway/spillway/internal/fault"
)

// jobPath names a job.
type jobPath struct {
	ID string `path:"id" maxLength:"64"`
}

type submitRequest struct {
	Key  string `header:"Idempotency-Key" maxLength:"256" doc:"The same key gives the same job, however often it is sent."`
	Body restv1.Submission
}

func (r *submitRequest) told() any {
	return map[string]string{"name": r.Body.Name, "project": r.Body.Project, "owner": r.Body.Owner}
}

type submitReply struct {
	Status   int
	Location string `header:"Location"`
	Body     restv1.Job
}

type jobsQuery struct {
	State  string `query:"state" enum:"active,paused,succeeded,failed,canceled"`
	Before string `query:"before" maxLength:"64" doc:"Only jobs submitted before the one with this id."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

type unitsQuery struct {
	ID    string `path:"id" maxLength:"64"`
	Step  int    `query:"step" minimum:"0" maximum:"10000"`
	From  int64  `query:"from" minimum:"0"`
	Limit int    `query:"limit" minimum:"1" maximum:"20000" default:"5000"`
}

type attemptsQuery struct {
	ID    string `path:"id" maxLength:"64"`
	Step  int    `query:"step" minimum:"-1" maximum:"10000" default:"-1" doc:"-1: of all steps."`
	Unit  int64  `query:"unit" minimum:"-1" default:"-1" doc:"-1: of all units."`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

func (s *server) jobRoutes(api huma.API) {
	op := operation(api, http.MethodPost, "/jobs", "Submit a job")
	op.DefaultStatus = http.StatusCreated
	needs(access.Submit)(&op)
	audited("job submit")(&op)
	huma.Register(api, op, s.submit)

	endpoint(s, api, http.MethodGet, "/jobs", "List jobs, newest first", func(ctx context.Context, in *jobsQuery) (restv1.JobList, error) {
		jobs, err := s.Jobs.Jobs(ctx, JobFilter(*in))
		return restv1.JobList{Jobs: some(jobs)}, err
	}, needs(access.SeeJobs))
	endpoint(s, api, http.MethodGet, "/jobs/{id}", "Show a job", func(ctx context.Context, in *jobPath) (restv1.Job, error) {
		return s.Jobs.Job(ctx, in.ID)
	}, needs(access.SeeJobs))
	endpoint(s, api, http.MethodGet, "/jobs/{id}/units", "List a step's units that are not pending", func(ctx context.Context, in *unitsQuery) (restv1.UnitPage, error) {
		p, err := s.Jobs.Units(ctx, in.ID, in.Step, in.From, in.Limit)
		p.Units = some(p.Units)
		return p, err
	}, needs(access.SeeJobs))
	endpoint(s, api, http.MethodGet, "/jobs/{id}/attempts", "List a job's attempts, newest first", s.attempts, needs(access.SeeJobs))
	endpoint(s, api, http.MethodPost, "/jobs/{id}/cancel", "Cancel a job", func(ctx context.Context, in *jobPath) (restv1.Job, error) {
		return s.Jobs.Cancel(ctx, in.ID)
	}, needs(access.ControlOwn), audited("job cancel"))
	endpoint(s, api, http.MethodPost, "/jobs/{id}/retry", "Run failed and canceled units again", func(ctx context.Context, in *jobPath) (restv1.Job, error) {
		return s.Jobs.Retry(ctx, in.ID)
	}, needs(access.ControlOwn), audited("job retry"))
	endpoint(s, api, http.MethodPost, "/jobs/{id}/order", "Change which tasks of a job start first", func(ctx context.Context, in *orderRequest) (restv1.Job, error) {
		return s.Jobs.Order(ctx, in.ID, in.Body)
	}, needs(access.ControlOwn), audited("job order"))
	endpoint(s, api, http.MethodPost, "/jobs/{id}/tasks", "Skip or requeue tasks of a job", func(ctx context.Context, in *tasksRequest) (restv1.TasksDone, error) {
		return s.Jobs.Tasks(doing(ctx, "job "+in.Body.Verb), in.ID, in.Body)
	}, needs(access.ControlOwn), audited("job tasks"))
	endpoint(s, api, http.MethodPost, "/jobs/bulk", "Cancel, retry, pause, resume or change many jobs at once", s.bulk, needs(access.ControlOwn), audited("job bulk"))
	endpoint(s, api, http.MethodGet, "/jobs/{id}/why", "Explain what a job waits for", func(ctx context.Context, in *jobPath) (restv1.Why, error) {
		w, err := s.Jobs.Why(ctx, in.ID)
		w.Reasons = some(w.Reasons)
		return w, err
	}, needs(access.SeeJobs))
}

type orderRequest struct {
	ID   string `path:"id" maxLength:"64"`
	Body restv1.OrderChange
}

func (r *orderRequest) told() any { return r.Body }

type tasksRequest struct {
	ID   string `path:"id" maxLength:"64"`
	Body restv1.TaskChange
}

func (r *tasksRequest) told() any { return r.Body }

type bulkRequest struct{ Body restv1.Bulk }

func (b *bulkRequest) told() any { return b.Body }

func (s *server) bulk(ctx context.Context, in *bulkRequest) (restv1.BulkDone, error) {
	b := in.Body
	filtered := len(b.Jobs) > 0 || b.State != "" || b.Owner != "" || b.Project != "" || b.Queue != "" || b.Name != ""
	switch {
	case !filtered && !b.All:
		return restv1.BulkDone{}, fault.WithHint(fault.New(fault.Invalid, "no job is named, and no filter given"), "to mean every job, say all")
	case (b.Verb == "change") != (b.Change != nil):
		return restv1.BulkDone{}, fault.New(fault.Invalid, "what is to be different belongs to the verb change, and to no other")
	}
	done, err := s.Jobs.Bulk(doing(ctx, "job "+b.Verb), b)
	done.Done, done.Skipped = some(done.Done), some(done.Skipped)
	return done, err
}

func (s *server) submit(ctx context.Context, in *submitRequest) (*submitReply, error) {
	for name, text := range map[string]string{"template": in.Body.Template, "policy": in.Body.Policy} {
		if len(text) > maxTemplate {
			return nil, s.problemOf(ctx, fault.New(fault.Invalid, "the %s has %d bytes, more than %d MiB", name, len(text), maxTemplate>>20))
		}
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if err := asSubmitter(access.CallerOf(ctx), &in.Body.Project, &in.Body.Owner); err != nil {
		return nil, s.problemOf(ctx, err)
	}
	job, created, err := s.Jobs.Submit(detailed(ctx, in), in.Body, in.Key)
	if err != nil {
		return nil, s.problemOf(ctx, err)
	}
	out := &submitReply{Status: http.StatusCreated, Location: prefix + "/jobs/" + job.ID, Body: job}
	if !created {
		out.Status = http.StatusOK
	}
	return out, nil
}

func (s *server) attempts(ctx context.Context, in *attemptsQuery) (restv1.AttemptList, error) {
	f := AttemptFilter{Limit: in.Limit}
	if in.Step >= 0 {
		f.Step = &in.Step
	}
	if in.Unit >= 0 {
		f.Unit = &in.Unit
	}
	list, err := s.Jobs.Attempts(ctx, in.ID, f)
	return restv1.AttemptList{Attempts: some(list)}, err
}

// some returns an empty slice for none, which is an empty list in JSON.
func some[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
