package rest

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/access"
)

// limitPath names a limit or a queue.
type limitPath struct {
	ID string `path:"id" maxLength:"64"`
}

type limitChange struct {
	ID   string `path:"id" maxLength:"64"`
	Body restv1.LimitChange
}

func (c *limitChange) told() any { return c.Body }

type limitReport struct {
	ID   string `path:"id" maxLength:"64"`
	Body restv1.LimitReport
}

type queueChange struct {
	ID   string `path:"id" maxLength:"64"`
	Body restv1.QueueChange
}

func (c *queueChange) told() any { return c.Body }

// nothing is an answer without a body.
type nothing struct{}

func (s *server) sharingRoutes(api huma.API) {
	endpoint(s, api, http.MethodGet, "/limits", "List limits", func(ctx context.Context, _ *struct{}) (restv1.LimitList, error) {
		list, err := s.Sharing.Limits(ctx)
		return restv1.LimitList{Limits: some(list)}, err
	}, needs(access.SeeFarm))
	endpoint(s, api, http.MethodPut, "/limits/{id}", "Make a limit or change one", func(ctx context.Context, in *limitChange) (restv1.Limit, error) {
		return s.Sharing.SetLimit(ctx, in.ID, in.Body)
	}, needs(access.RunFarm), audited("limit set"))
	endpoint(s, api, http.MethodPost, "/limits/{id}/report", "Report a limit's use outside the farm", func(ctx context.Context, in *limitReport) (restv1.Limit, error) {
		return s.Sharing.ReportLimit(ctx, in.ID, in.Body)
	}, needs(access.RunFarm), unaudited)
	endpoint(s, api, http.MethodGet, "/queues", "List queues", func(ctx context.Context, _ *struct{}) (restv1.QueueList, error) {
		list, err := s.Sharing.Queues(ctx)
		return restv1.QueueList{Queues: some(list)}, err
	}, needs(access.SeeFarm))
	endpoint(s, api, http.MethodPut, "/queues/{id}", "Make a queue or change one", func(ctx context.Context, in *queueChange) (restv1.Queue, error) {
		return s.Sharing.SetQueue(ctx, in.ID, in.Body)
	}, needs(access.RunFarm), audited("queue set"))
	removal(s, api, "/queues/{id}", "Delete a queue", func(ctx context.Context, in *limitPath) error {
		return s.Sharing.DeleteQueue(ctx, in.ID)
	}, needs(access.RunFarm), audited("queue delete"))
	removal(s, api, "/limits/{id}", "Delete a limit", func(ctx context.Context, in *limitPath) error {
		return s.Sharing.DeleteLimit(ctx, in.ID)
	}, needs(access.RunFarm), audited("limit delete"))
}

// removal registers an operation that deletes something and answers with nothing.
func removal[I any](s *server, api huma.API, path, summary string, fn func(context.Context, *I) error, more ...func(*huma.Operation)) {
	op := operation(api, http.MethodDelete, path, summary)
	for _, m := range more {
		m(&op)
	}
	op.DefaultStatus = http.StatusNoContent
	huma.Register(api, op, func(ctx context.Context, in *I) (*nothing, error) {
		ctx, cancel := context.WithTimeout(ctx, answerWithin)
		defer cancel()
		if err := fn(ctx, in); err != nil {
			return nil, s.problemOf(ctx, err)
		}
		return &nothing{}, nil
	})
}
