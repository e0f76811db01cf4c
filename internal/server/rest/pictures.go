package rest

import (
	"context"
	"fmt"
	"net/http"
	"path"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/access"
)

type picturesQuery struct {
	ID    string `path:"id" maxLength:"64"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

type picturePath struct {
	Attempt string `path:"attempt" maxLength:"64"`
	Index   int    `path:"index" minimum:"0" maximum:"100000"`
}

func (s *server) pictureRoutes(api huma.API) {
	endpoint(s, api, http.MethodGet, "/pictures", "List landed pictures of all jobs, newest first", func(ctx context.Context, in *limitQuery) (restv1.PictureList, error) {
		return s.pictures(ctx, "", in.Limit)
	}, needs(access.SeeJobs))
	endpoint(s, api, http.MethodGet, "/jobs/{id}/pictures", "List a job's landed pictures, newest first", func(ctx context.Context, in *picturesQuery) (restv1.PictureList, error) {
		return s.pictures(ctx, in.ID, in.Limit)
	}, needs(access.SeeJobs))
	op := operation(api, http.MethodGet, "/pictures/{attempt}/{index}", "The bytes of a landed picture")
	needs(access.SeeJobs)(&op)
	op.Responses["200"] = &huma.Response{
		Description: "The file as it is on the storage",
		Content: map[string]*huma.MediaType{"image/*": {Schema: &huma.Schema{
			Type: huma.TypeString, Format: "binary",
		}}},
	}
	huma.Register(api, op, s.picture)
}

func (s *server) pictures(ctx context.Context, job string, limit int) (restv1.PictureList, error) {
	list, err := s.Streams.Pictures(ctx, job, limit)
	out := make([]restv1.Picture, len(list))
	for i, p := range list {
		p.URL = fmt.Sprintf("%s/pictures/%s/%d", prefix, p.Attempt, p.Index)
		out[i] = p
	}
	return restv1.PictureList{Pictures: out}, err
}

func (s *server) picture(ctx context.Context, in *picturePath) (*huma.StreamResponse, error) {
	file, err := s.Streams.Picture(ctx, in.Attempt, in.Index)
	if err != nil {
		return nil, s.problemOf(ctx, err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer file.Close()
		r, w := humago.Unwrap(hc)
		h := w.Header()
		h.Set("Content-Type", pictureType(file.Name))
		if file.SHA256 != "" {
			h.Set("ETag", `"`+file.SHA256+`"`)
		}
		// A landed output of one attempt never changes.
		h.Set("Cache-Control", "private, max-age=31536000, immutable")
		// Whatever the file is, it can do nothing here.
		h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
		http.ServeContent(w, r, "", file.Modified, file)
	}}, nil
}

// pictureType names the types that browsers show as a picture; everything else is bytes.
func pictureType(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".webp":
		return "image/webp"
	}
	return "application/octet-stream"
}
