package openjd

import "encoding/json"

// The values of specificationVersion that this package reads.
const (
	JobTemplateVersion         = "jobtemplate-2023-09"
	EnvironmentTemplateVersion = "environment-2023-09"
)

// JobTemplate is a valid job template (§1.1). Its JSON is the normal form of the template: it parses back to an equal
// one, so it can be stored and sent.
type JobTemplate struct {
	Extensions   []string       `json:"extensions,omitempty"`
	Name         FormatString   `json:"name"`
	Description  string         `json:"description,omitempty"`
	Parameters   []JobParameter `json:"parameterDefinitions,omitempty"`
	Environments []Environment  `json:"jobEnvironments,omitempty"`
	Steps        []StepTemplate `json:"steps"`
}

// ParseJobTemplate reads a job template in YAML 1.2 or JSON. name is the document's name in errors. The error is
// Errors: all that is wrong, in document order.
func ParseJobTemplate(src []byte, name string, options ...ParseOption) (*JobTemplate, error) {
	t, err := parseDocument(src, name, options, (*decoder).jobTemplate)
	if err != nil {
		return nil, err
	}
	return &t, nil
}

// MarshalJSON returns the normal form.
func (t JobTemplate) MarshalJSON() ([]byte, error) {
	type plain JobTemplate
	return json.Marshal(struct {
		Version string `json:"specificationVersion"`
		plain
	}{JobTemplateVersion, plain(t)})
}

// UnmarshalJSON parses strictly, like ParseJobTemplate.
func (t *JobTemplate) UnmarshalJSON(src []byte) error {
	parsed, err := ParseJobTemplate(src, "")
	if err == nil {
		*t = *parsed
	}
	return err
}

// EnvironmentTemplate is a valid environment template (§1.2). Its JSON is its normal form.
type EnvironmentTemplate struct {
	Extensions  []string       `json:"extensions,omitempty"`
	Parameters  []JobParameter `json:"parameterDefinitions,omitempty"`
	Environment Environment    `json:"environment"`
}

// ParseEnvironmentTemplate reads an environment template in YAML 1.2 or JSON; like ParseJobTemplate.
func ParseEnvironmentTemplate(src []byte, name string, options ...ParseOption) (*EnvironmentTemplate, error) {
	t, err := parseDocument(src, name, options, (*decoder).environmentTemplate)
	if err != nil {
		return nil, err
	}
	return &t, nil
}

// MarshalJSON returns the normal form.
func (t EnvironmentTemplate) MarshalJSON() ([]byte, error) {
	type plain EnvironmentTemplate
	return json.Marshal(struct {
		Version string `json:"specificationVersion"`
		plain
	}{EnvironmentTemplateVersion, plain(t)})
}

// UnmarshalJSON parses strictly, like ParseEnvironmentTemplate.
func (t *EnvironmentTemplate) UnmarshalJSON(src []byte) error {
	parsed, err := ParseEnvironmentTemplate(src, "")
	if err == nil {
		*t = *parsed
	}
	return err
}

// Step returns the index of the step with that name.
func (t *JobTemplate) Step(name string) (int, bool) {
	for i := range t.Steps {
		if t.Steps[i].Name == name {
			return i, true
		}
	}
	return 0, false
}

// SpecificationVersion returns a document's specificationVersion, by which templates are told apart, or "" if it has
// none that can be read.
func SpecificationVersion(src []byte) string {
	s := &source{text: string(src)}
	root := s.load()
	if root == nil {
		return ""
	}
	for _, p := range root.pairs {
		if p.key.text == "specificationVersion" {
			return p.value.text
		}
	}
	return ""
}
