package rest

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/spillway/spillway/internal/access"
)

type logQuery struct {
	ID     string `path:"id" maxLength:"64"`
	Offset int64  `query:"offset" doc:"First byte; a negative one counts from the end."`
	Follow bool   `query:"follow" doc:"Wait for more until the attempt has ended."`
}

// logRoute registers the log: plain text, sent as it comes. Its header Spillway-Log-Offset is the position of the first
// byte, from which a reader that was cut off knows where to go on.
func (s *server) logRoute(api huma.API) {
	op := operation(api, http.MethodGet, "/attempts/{id}/log", "Read or follow an attempt's output")
	needs(access.SeeJobs)(&op)
	op.Responses["200"] = &huma.Response{
		Description: "The output, in order",
		Content:     map[string]*huma.MediaType{"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}},
		Headers: map[string]*huma.Param{"Spillway-Log-Offset": {
			Schema: &huma.Schema{Type: huma.TypeInteger}, Description: "Position of the first byte.",
		}},
	}
	huma.Register(api, op, func(ctx context.Context, in *logQuery) (*huma.StreamResponse, error) {
		log, err := s.Streams.Log(ctx, in.ID, in.Offset, in.Follow)
		if err != nil {
			return nil, s.problemOf(ctx, err)
		}
		return &huma.StreamResponse{Body: func(hc huma.Context) {
			defer log.Close()
			r, w := humago.Unwrap(hc)
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Header().Set("Spillway-Log-Offset", strconv.FormatInt(log.Offset, 10))
			w.Header().Set("X-Accel-Buffering", "no")
			w.WriteHeader(http.StatusOK)
			if err := copyLive(w, log); err != nil && r.Context().Err() == nil {
				s.Log.WarnContext(r.Context(), "log stream ended early", "attempt", in.ID, "error", err)
				panic(http.ErrAbortHandler) // the reader must not take it for the end
			}
		}}, nil
	})
}

// copyLive copies what comes and sends each piece on at once. A reader that takes nothing for writeWithin is cut off.
func copyLive(w http.ResponseWriter, from io.Reader) error {
	out := http.NewResponseController(w)
	if err := out.Flush(); err != nil {
		return err
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			_ = out.SetWriteDeadline(time.Now().Add(writeWithin)) // not every writer can
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
			if err := out.Flush(); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
