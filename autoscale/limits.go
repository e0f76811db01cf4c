package autoscale

// The service's limits on a formula ("Create a formula to automatically scale compute nodes in a Batch pool").
const (
	MaxCharacters = 8192 // "cannot exceed 8 KB"
	MaxStatements = 100  // separated by semicolons
)

// Limits of this implementation, which keep any formula's cost bounded.
const (
	maxDepth   = 200       // of nested expressions
	maxVector  = 100_000   // values of one vector
	maxWork    = 2_000_000 // vector values touched by one evaluation
	maxTarget  = 1 << 30   // nodes
	maxReports = 10        // errors of one formula
)
