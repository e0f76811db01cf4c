package openjd

import "encoding/json"

// JobParameter is a <JobParameterDefinition> (§2) of any type. Numbers are kept as the text they were written with, so
// that a FLOAT keeps its digits.
type JobParameter struct {
	Name          string         `json:"name"`
	Type          ParameterType  `json:"type"`
	Description   string         `json:"description,omitempty"`
	Default       *string        `json:"default,omitempty"` // nil: the submission must give a value
	AllowedValues []string       `json:"allowedValues,omitempty"`
	MinLength     *int64         `json:"minLength,omitempty"` // STRING and PATH; characters
	MaxLength     *int64         `json:"maxLength,omitempty"`
	MinValue      *string        `json:"minValue,omitempty"` // INT and FLOAT
	MaxValue      *string        `json:"maxValue,omitempty"`
	ObjectType    ObjectType     `json:"objectType,omitempty"` // PATH; empty: DIRECTORY
	DataFlow      DataFlow       `json:"dataFlow,omitempty"`   // PATH; empty: NONE
	UserInterface *UserInterface `json:"userInterface,omitempty"`
	// Item bounds the items of a list.
	Item *ItemConstraints `json:"item,omitempty"`
}

// MarshalJSON writes the default of a list as a list.
func (p JobParameter) MarshalJSON() ([]byte, error) {
	type plain JobParameter
	out := struct {
		plain
		Default any `json:"default,omitempty"`
	}{plain: plain(p)}
	if p.Default != nil {
		out.Default = *p.Default
		if _, ok := p.Type.item(); ok {
			out.Default = json.RawMessage(*p.Default)
		}
	}
	return json.Marshal(out)
}

// ObjectType says what a PATH parameter names (§2.2).
type ObjectType string

// Object types.
const (
	File      ObjectType = "FILE"
	Directory ObjectType = "DIRECTORY"
)

// DataFlow says whether a PATH parameter's object is read or written by the job (§2.2).
type DataFlow string

// Data flows.
const (
	FlowNone  DataFlow = "NONE"
	FlowIn    DataFlow = "IN"
	FlowOut   DataFlow = "OUT"
	FlowInOut DataFlow = "INOUT"
)

// UserInterface are hints for a form that asks for the parameter (§2.1 to §2.4).
type UserInterface struct {
	Control           string       `json:"control,omitempty"`
	Label             string       `json:"label,omitempty"`
	GroupLabel        string       `json:"groupLabel,omitempty"`
	FileFilters       []FileFilter `json:"fileFilters,omitempty"`
	FileFilterDefault *FileFilter  `json:"fileFilterDefault,omitempty"`
	Decimals          *int64       `json:"decimals,omitempty"`
	SingleStepDelta   string       `json:"-"` // a number, as it was written
}

// FileFilter is one named file type of a file dialog (§2.7).
type FileFilter struct {
	Label    string   `json:"label"`
	Patterns []string `json:"patterns"`
}

// BaseDirs are the directories that relative PATH values are joined with at job creation (§7.4).
type BaseDirs struct {
	Template string     // where the template lies: for defaults
	Working  string     // the submitter's working directory: for given values
	Format   PathFormat // how the submitter's system spells paths; empty: POSIX
	URIs     bool       // leave URIs as they are: the template has the extension EXPR (§2.2)
}

// MarshalJSON writes singleStepDelta as a number.
func (u UserInterface) MarshalJSON() ([]byte, error) {
	type plain UserInterface
	return json.Marshal(struct {
		plain
		SingleStepDelta json.Number `json:"singleStepDelta,omitempty"`
	}{plain(u), jsonNumber(u.SingleStepDelta)})
}

// jsonNumber spells a YAML number as JSON does.
func jsonNumber(s string) json.Number {
	if json.Valid([]byte(s)) {
		return json.Number(s)
	}
	if f, ok := parseFloat(s); ok {
		text, _ := json.Marshal(f)
		return json.Number(text)
	}
	return ""
}
