package openjd

// ParameterType is the type of a job or task parameter.
type ParameterType string

// The types of parameters (§2, §3.4.1). All but the first four need the extension EXPR.
const (
	String      ParameterType = "STRING"
	Path        ParameterType = "PATH"
	Int         ParameterType = "INT"
	Float       ParameterType = "FLOAT"
	BoolParam   ParameterType = "BOOL"
	RangeExpr   ParameterType = "RANGE_EXPR"
	ListString  ParameterType = "LIST[STRING]"
	ListPath    ParameterType = "LIST[PATH]"
	ListInt     ParameterType = "LIST[INT]"
	ListFloat   ParameterType = "LIST[FLOAT]"
	ListBool    ParameterType = "LIST[BOOL]"
	ListListInt ParameterType = "LIST[LIST[INT]]"
)

// Value is a parameter's value: its type, and its text as it was given. The text of a list is its JSON.
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
		s.SetValue(prefix+"RawParam."+name, v.typed(true, nil))
		s.SetValue(prefix+"Param."+name, v.typed(false, m))
	}
}

func texts(values map[string]Value) map[string]string {
	out := make(map[string]string, len(values))
	for name, v := range values {
		out[name] = v.Text
	}
	return out
}
