package rest_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway/spillway/internal/server/rest"
)

var update = flag.Bool("update", false, "write api/openapi.json")

func TestSpecIsGolden(t *testing.T) {
	const golden = "../../../api/openapi.json"
	var got bytes.Buffer
	if err := rest.Spec(&got); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("api/openapi.json is not what the server serves (go test ./internal/server/rest -update):\n%s", diff)
	}
}
