package rest

import (
	"context"
	"net/http"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/spillway/spillway/api/restv1"
)

// routes registers every endpoint and returns the API, whose description is api/openapi.json.
func (s *server) routes(mux *http.ServeMux) huma.API {
	c := huma.DefaultConfig("Spillway", "v1")
	c.Info.Description = "The public API of a Spillway farm. Errors are RFC 9457 problems with a code and a hint."
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.CreateHooks = nil
	c.NoFormatFallback = false
	c.RejectUnknownQueryParameters = true
	c.Transformers = []huma.Transformer{reshape}
	c.Servers = []*huma.Server{{URL: prefix}}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token":   {Type: "http", Scheme: "bearer"},
		"session": {Type: "apiKey", In: "cookie", Name: cookieName},
	}
	c.Security = []map[string][]string{{"token": {}}, {"session": {}}}
	api := humago.NewWithPrefix(mux, prefix, c)
	api.UseMiddleware(s.permit)

	s.jobRoutes(api)
	s.fleetRoutes(api)
	s.burstRoutes(api)
	s.sharingRoutes(api)
	s.userRoutes(api)
	s.usageRoutes(api)
	s.budgetRoutes(api)
	s.logRoute(api)
	s.pictureRoutes(api)
	s.eventRoute(api)
	s.sessionRoutes(api)
	describeProblems(api.OpenAPI())
	mux.HandleFunc("GET "+prefix+"/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.oai.openapi+json;version=3.1")
		_ = writeSpec(w, api.OpenAPI()) // the reader may be gone
	})
	return api
}

// reply is an answer with a JSON body.
type reply[T any] struct{ Body T }

// endpoint registers an operation that answers with one value.
func endpoint[I, T any](s *server, api huma.API, method, path, summary string, fn func(context.Context, *I) (T, error), more ...func(*huma.Operation)) {
	op := operation(api, method, path, summary)
	for _, m := range more {
		m(&op)
	}
	huma.Register(api, op, func(ctx context.Context, in *I) (*reply[T], error) {
		ctx, cancel := context.WithTimeout(ctx, answerWithin)
		defer cancel()
		body, err := fn(detailed(ctx, in), in)
		if err != nil {
			return nil, s.problemOf(ctx, err)
		}
		return &reply[T]{body}, nil
	})
}

// operation is what all operations have in common. Its id is made of the method and the words of the path.
func operation(api huma.API, method, path, summary string) huma.Operation {
	id := strings.ToLower(method)
	for word := range strings.FieldsFuncSeq(path, func(r rune) bool { return strings.ContainsRune("/{}", r) }) {
		id += "-" + word
	}
	schema := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[restv1.Problem](), true, "Problem")
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary,
		MaxBodyBytes: maxBody, BodyReadTimeout: answerWithin,
		Responses: map[string]*huma.Response{"default": {
			Description: "A problem",
			Content:     map[string]*huma.MediaType{problemType: {Schema: schema}},
		}},
	}
}
