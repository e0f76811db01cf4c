package autoscale

// Type is the type of a value.
type Type uint8

// The types. A doubleVecList is no type of its own: it is how doubles and vectors are handed to a function that takes any
// mix of them.
const (
	invalid Type = iota
	Double
	DoubleVec
	String
	Timestamp
	TimeInterval
	Deallocation // what is done with a removed node's tasks: requeue, terminate, taskcompletion, retaineddata
	nothing      // of stop(), after which nothing is needed
)

// String returns the name that the documentation uses.
func (t Type) String() string {
	switch t {
	case Double:
		return "double"
	case DoubleVec:
		return "doubleVec"
	case String:
		return "string"
	case Timestamp:
		return "timestamp"
	case TimeInterval:
		return "timeinterval"
	case Deallocation:
		return "deallocation option"
	case nothing:
		return "nothing"
	}
	return "invalid"
}
