package autoscale

// expr is an expression: what the parser builds, what the checker gives a type, what the evaluator runs.
type expr interface {
	place() position
}

type (
	// constant is a number, a string or a word that stands for a value.
	constant struct {
		position
		value value
	}
	// variable is a name until the checker has found out what it stands for.
	variable struct {
		position
		name  string
		slot  int      // of a user's variable
		read  *service // a service variable; nil: another name
		value *value   // a constant; nil: another name
	}
	// unary is - or !.
	unary struct {
		position
		op string
		of expr
		do operation
	}
	// binary is an infix operator.
	binary struct {
		position // of the operator
		op       string
		left     expr
		right    expr
		do       operation
	}
	// conditional is test ? yes : no.
	conditional struct {
		position // of the question mark
		test     expr
		yes, no  expr
	}
	// call is a function with its arguments.
	call struct {
		position
		name string
		args []expr
		do   *function
	}
	// member is a part of a timestamp.
	member struct {
		position // of the name
		of       expr
		name     string
		part     *timestampPart
	}
	// method is a question to a variable's samples.
	method struct {
		position // of the name
		of       expr
		name     string
		args     []expr
		do       *sampling
		ask      string // the variable asked, by its canonical name
	}
)

func (p position) place() position { return p }

// statement is an assignment, or an expression alone.
type statement struct {
	at     position
	name   string // as written; empty: an expression alone
	value  expr
	target *service // a service variable that is assigned; nil: a user's
	slot   int      // of a user's variable
}
