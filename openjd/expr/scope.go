package expr

// PathFormat says how a host spells paths.
type PathFormat uint8

// Path formats.
const (
	Posix PathFormat = iota
	Windows
)

// The limits that the specification recommends (§1.3.9, §1.3.10).
const (
	DefaultOperations = 10_000_000
	DefaultMemory     = 100_000_000 // bytes
)

// Budget bounds evaluations. Operations are used up; it may be shared by several evaluations, one after another.
type Budget struct {
	Operations int64
	Memory     int64 // bytes that live values may take at a time
}

// NewBudget returns the limits that the specification recommends.
func NewBudget() *Budget { return &Budget{DefaultOperations, DefaultMemory} }

// Scope is what an expression is evaluated in.
type Scope struct {
	// Lookup returns the value of a dotted name.
	Lookup func(name string) (Value, bool)
	// Explain says what to do about a name that Lookup does not know; may be nil.
	Explain func(name string) (hint string)
	Format  PathFormat
	// MapPath applies the session's path mapping rules; nil where there is no session: apply_path_mapping is an error.
	MapPath func(path string) string
	// Budget is used up; nil: a new one of the recommended limits.
	Budget *Budget
}
