package rest

import (
	"encoding/json"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// describeProblems takes huma's own error model out of the description: nothing answers with it (see reshape).
func describeProblems(spec *huma.OpenAPI) {
	schemas := spec.Components.Schemas.Map()
	delete(schemas, "ErrorModel")
	delete(schemas, "ErrorDetail")
}

// Spec writes the API's OpenAPI 3.1 description.
func Spec(w io.Writer) error {
	s := &server{}
	return writeSpec(w, s.routes(http.NewServeMux()).OpenAPI())
}

func writeSpec(w io.Writer, spec *huma.OpenAPI) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(spec)
}
