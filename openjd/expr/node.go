package expr

// node is a part of a parsed expression.
type node interface{ pos() int }

type at int

func (a at) pos() int { return int(a) }

type (
	literal struct {
		at
		value Value
		large bool // an integer of 2^63, which only a minus sign can make fit
	}
	// name is a dotted name: of a value, perhaps with properties behind it.
	name struct {
		at
		parts []string
	}
	property struct {
		at
		of  node
		key string
	}
	call struct {
		at
		function string
		args     []node
		method   bool // the first argument is the receiver
	}
	unary struct {
		at
		op string
		of node
	}
	binary struct {
		at
		op          string
		left, right node
	}
	// compare is a chain of comparisons.
	compare struct {
		at
		ops      []string
		operands []node
	}
	logical struct {
		at
		or          bool
		left, right node
	}
	conditional struct {
		at
		yes, condition, no node
	}
	listNode struct {
		at
		items []node
	}
	comprehension struct {
		at
		item      node
		variable  string
		in        node
		condition node // nil: none
	}
	index struct {
		at
		of, index node
	}
	slice struct {
		at
		of, start, stop, step node // nil: left out
	}
)
