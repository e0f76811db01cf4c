package openjd

// ParameterType is the type of a job or task parameter.
type ParameterType string

// The types of the base specification (§2, §3.4.1).
const (
	String ParameterType = "STRING"
	Path   ParameterType = "PATH"
	Int    ParameterType = "INT"
	Float  ParameterType = "FLOAT"
)

// Value is a parameter's value: its type, and its text as it was given.
type Value struct {
	Type ParameterType `json:"type"`
	Text string        `json:"value"`
}

// Parameters are a job's bound parameters by name: every defined parameter has a value.
type Parameters map[string]Value

// Symbols returns a new symbol table with Param.* and RawParam.* (§7.3.1). Param.* of a PATH parameter is mapped by m;
// a nil m maps nothing.
func (p Parameters) Symbols(m *PathMapper) *Symbols {
	s := new(Symbols)
	addValues(s, p, "", m)
	return s
}

// Texts returns the values alone, as BindParameters takes them.
func (p Parameters) Texts() map[string]string { return texts(p) }

// TaskValues are the values of one task's parameters by name.
type TaskValues map[string]Value

// AddTo defines Task.Param.* and Task.RawParam.* in s. Task.Param.* of a PATH parameter is mapped by m.
func (v TaskValues) AddTo(s *Symbols, m *PathMapper) { addValues(s, v, "Task.", m) }

// Texts returns the values alone, as TaskSpace.Index takes them.
func (v TaskValues) Texts() map[string]string { return texts(v) }

func addValues(s *Symbols, values map[string]Value, prefix string, m *PathMapper) {
	for name, v := range values {
		s.Set(prefix+"RawParam."+name, v.Text)
		text := v.Text
		if v.Type == Path {
			text = m.Map(text)
		}
		s.Set(prefix+"Param."+name, text)
	}
}

func texts(values map[string]Value) map[string]string {
	out := make(map[string]string, len(values))
	for name, v := range values {
		out[name] = v.Text
	}
	return out
}
