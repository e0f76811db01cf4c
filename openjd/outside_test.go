package openjd_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spillway/spillway/openjd"
)

// TestOutsideCases runs template cases of others: $OPENJD_CASES is a folder with job_templates and env_templates, in
// which a name with ".invalid." must be refused and every other one accepted.
func TestOutsideCases(t *testing.T) {
	root := os.Getenv("OPENJD_CASES")
	if root == "" {
		t.Skip("set OPENJD_CASES to a folder with job_templates and env_templates")
	}
	parse := map[string]func([]byte, string) error{
		"job_templates": func(src []byte, name string) error {
			_, err := openjd.ParseJobTemplate(src, name)
			return err
		},
		"env_templates": func(src []byte, name string) error {
			_, err := openjd.ParseEnvironmentTemplate(src, name)
			return err
		},
	}
	for folder, check := range parse {
		files, err := filepath.Glob(filepath.Join(root, folder, "*"))
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(files)
		for _, file := range files {
			name := filepath.Base(file)
			t.Run(folder+"/"+name, func(t *testing.T) {
				src, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				err = check(src, name)
				if err != nil {
					t.Log(err)
				}
				if wrong := strings.Contains(name, ".invalid."); wrong != (err != nil) {
					t.Errorf("refused: %v, want refused: %v", err != nil, wrong)
				}
			})
		}
	}
}
