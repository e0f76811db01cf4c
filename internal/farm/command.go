package farm

import "time"

// Command is a wish to change the farm. Apply validates it first: a command that returns an error changed nothing. What a
// command returns beside the error stands in its comment; most return nil.
//
// Errors are of package fault: Invalid, NotFound, Conflict. Reports about attempts, sessions and nodes that the farm has
// moved on from are no errors: they change nothing.
type Command interface {
	apply(f *Farm, now time.Time) (any, error)
}
