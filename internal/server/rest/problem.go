package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/fault"
)

const problemType = "application/problem+json"

// problem is a Problem on its way out through huma.
type problem struct{ restv1.Problem }

var (
	_ huma.StatusError       = (*problem)(nil)
	_ huma.ContentTypeFilter = (*problem)(nil)
)

func (p *problem) Error() string             { return p.Detail }
func (p *problem) GetStatus() int            { return p.Status }
func (p *problem) ContentType(string) string { return problemType }

// statusOf is the one map from kinds of error to HTTP.
func statusOf(k fault.Kind) int {
	switch k {
	case fault.Invalid:
		return http.StatusUnprocessableEntity
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.Exhausted:
		return http.StatusTooManyRequests
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	case fault.Denied:
		return http.StatusForbidden
	case fault.Internal:
	}
	return http.StatusInternalServerError
}

// kindOf is the way back, for problems that huma found itself.
func kindOf(status int) fault.Kind {
	switch {
	case status == http.StatusNotFound:
		return fault.NotFound
	case status == http.StatusConflict:
		return fault.Conflict
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fault.Denied
	case status == http.StatusTooManyRequests || status == http.StatusRequestEntityTooLarge:
		return fault.Exhausted
	case status == http.StatusServiceUnavailable || status == http.StatusRequestTimeout:
		return fault.Unavailable
	case status >= 400 && status < 500:
		return fault.Invalid
	}
	return fault.Internal
}

func newProblem(status int, kind fault.Kind, detail, hint string) *problem {
	return &problem{restv1.Problem{
		Type: "urn:spillway:problem:" + kind.String(), Title: http.StatusText(status), Status: status,
		Detail: detail, Code: kind.String(), Hint: hint,
	}}
}

// problemOf turns an error into what its user may see. The cause of an internal one goes to the log only.
func (s *server) problemOf(ctx context.Context, err error) *problem {
	var known *problem
	if errors.As(err, &known) {
		return known
	}
	kind := fault.KindOf(err)
	if kind == fault.Internal {
		s.Log.ErrorContext(ctx, "request failed", "error", err)
		return newProblem(http.StatusInternalServerError, kind, "something went wrong inside the server", "the server's log has the cause")
	}
	return newProblem(statusOf(kind), kind, err.Error(), fault.HintOf(err))
}

// writeProblem answers outside of huma.
func (s *server) writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	p := s.problemOf(r.Context(), err)
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p.Problem) // the reader may be gone
}

// reshape turns huma's own findings (syntax, types, unknown fields) into Problems. Values are not echoed: they may be large
// or secret.
func reshape(_ huma.Context, _ string, v any) (any, error) {
	switch e := v.(type) {
	case *problem:
		return e.Problem, nil
	case *huma.ErrorModel:
		p := newProblem(e.Status, kindOf(e.Status), e.Detail, "")
		for _, d := range e.Errors {
			p.Errors = append(p.Errors, restv1.ProblemField{Location: d.Location, Message: d.Message})
		}
		if len(p.Errors) == 1 {
			p.Detail = p.Errors[0].Message
			if at := p.Errors[0].Location; at != "" {
				p.Detail = at + ": " + p.Detail
			}
		}
		return p.Problem, nil
	}
	return v, nil
}
