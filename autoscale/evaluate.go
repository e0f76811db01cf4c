package autoscale

import (
	"errors"
	"math/rand/v2"
	"time"
)

// Input is what a formula is evaluated over.
type Input struct {
	Now     time.Time
	Samples Samples // nil: none

	// The pool's targets as they are: what a formula reads before it assigns them, and what they stay if it does not.
	TargetDedicatedNodes   int
	TargetLowPriorityNodes int

	// Random returns what rand() does, from 0 to 1; nil: a random number.
	Random func() float64
}

// Evaluate runs the formula. An error is an *Error; then nothing should be changed. It takes bounded time and memory whatever
// the formula is.
func (f *Formula) Evaluate(in Input) (Result, error) {
	m := &machine{in: in, src: f.src, samples: in.Samples, vars: make([]value, len(f.names)), targets: map[string]assigned{}}
	if m.samples == nil || m.samples.Period() < 100*time.Nanosecond {
		m.samples = noSamples{}
	}
	if m.in.Random == nil {
		m.in.Random = rand.Float64
	}
	stopped := false
	for i := range f.statements {
		err := m.run(&f.statements[i])
		if errors.Is(err, errStopped) {
			stopped = true
			break
		}
		if err != nil {
			return Result{}, err
		}
	}
	return m.result(f, stopped)
}

// errStopped is how stop() ends an evaluation. What has been assigned until then counts.
var errStopped = errors.New("stopped")

// errWork says that a formula is too costly.
var errWork = errors.New("the formula handles too many values; ask for fewer samples")

// machine is a formula that is being evaluated.
type machine struct {
	in      Input
	src     source
	samples Samples
	vars    []value             // of the user, by slot; of invalid kind: not assigned
	targets map[string]assigned // by name, aliases too
	work    int                 // vector values touched
}

// assigned is a value that was assigned to a service variable.
type assigned struct {
	value value
	at    position
}

func (m *machine) run(s *statement) error {
	v, err := m.eval(s.value)
	switch {
	case err != nil:
		return err
	case s.target != nil:
		m.targets[s.target.Name] = assigned{v, s.at}
	case s.name != "":
		m.vars[s.slot] = v
	}
	return nil
}

// eval computes an expression. The checker has made sure of the types.
func (m *machine) eval(e expr) (value, error) {
	switch e := e.(type) {
	case *constant:
		return e.value, nil
	case *variable:
		return m.variable(e)
	case *unary:
		of, err := m.eval(e.of)
		if err != nil {
			return value{}, err
		}
		v, err := e.do.do(of, value{})
		return m.placed(e, "", v, err)
	case *binary:
		return m.binary(e)
	case *conditional:
		test, err := m.eval(e.test)
		switch {
		case err != nil:
			return value{}, err
		case test.number != 0:
			return m.eval(e.yes)
		}
		return m.eval(e.no)
	case *call:
		return m.call(e)
	case *member:
		of, err := m.eval(e.of)
		if err != nil {
			return value{}, err
		}
		return doubleOf(e.part.of(of.at)), nil
	case *method:
		args, err := m.all(e.args)
		if err != nil {
			return value{}, err
		}
		v, err := e.do.do(m, e.ask, args)
		return m.placed(e, e.name, v, err)
	}
	return value{}, m.src.errorAt(e.place(), "", "the expression cannot be evaluated")
}

// variable returns what a name stands for: of a variable with samples the newest one.
func (m *machine) variable(v *variable) (value, error) {
	switch {
	case v.value != nil:
		return *v.value, nil
	case v.read == nil:
		return m.vars[v.slot], nil
	case v.read.Writable:
		return m.target(v.read.canonical()).value, nil
	}
	all := m.samples.Of(v.read.canonical())
	if len(all) == 0 {
		return value{}, m.src.errorAt(v.position, "a variable used as a number is its newest sample", "there are no samples of %s", v.name)
	}
	return doubleOf(all[len(all)-1].Value), nil
}

func (m *machine) binary(e *binary) (value, error) {
	left, err := m.eval(e.left)
	if err != nil {
		return value{}, err
	}
	switch {
	case e.op == "&&" && left.number == 0:
		return truth(false), nil
	case e.op == "||" && left.number != 0:
		return truth(true), nil
	}
	right, err := m.eval(e.right)
	if err != nil {
		return value{}, err
	}
	if e.do.do == nil { // && or ||, undecided by the left side
		return truth(right.number != 0), nil
	}
	if err := m.spend(len(left.vector) + len(right.vector)); err != nil {
		return m.placed(e, "", value{}, err)
	}
	v, err := e.do.do(left, right)
	return m.placed(e, "", v, err)
}

func (m *machine) call(e *call) (value, error) {
	args, err := m.all(e.args)
	if err != nil {
		return value{}, err
	}
	switch {
	case e.do.takes == listToDouble, e.do.takes == listToVector, e.do.takes == componentwise && (len(args) > 1 || args[0].kind == DoubleVec):
		list, err := m.flatten(args)
		if err != nil {
			return m.placed(e, e.name, value{}, err)
		}
		args = []value{list}
	case e.do.takes == vectorAndValue:
		if err := m.spend(len(args[0].vector)); err != nil {
			return m.placed(e, e.name, value{}, err)
		}
	}
	v, err := e.do.do(m, args)
	return m.placed(e, e.name, v, err)
}

func (m *machine) all(args []expr) ([]value, error) {
	out := make([]value, len(args))
	for i, a := range args {
		v, err := m.eval(a)
		if err != nil {
			return nil, err
		}
		out[i] = v
	}
	return out, nil
}

// flatten makes one vector of doubles and vectors.
func (m *machine) flatten(args []value) (value, error) {
	if len(args) == 1 && args[0].kind == DoubleVec {
		return args[0], m.spend(len(args[0].vector))
	}
	n := 0
	for _, a := range args {
		n += max(1, len(a.vector))
	}
	if err := m.spend(n); err != nil {
		return value{}, err
	}
	out := make([]float64, 0, n)
	for _, a := range args {
		if a.kind == Double {
			out = append(out, a.number)
		} else {
			out = append(out, a.vector...)
		}
	}
	return vectorOf(out), nil
}

// sampled makes a vector of samples, if they are not too many.
func (m *machine) sampled(samples []Sample) (value, error) {
	if err := m.spend(len(samples)); err != nil {
		return value{}, err
	}
	return vectorOf(valuesOf(samples)), nil
}

// spend counts the values that an evaluation handles.
func (m *machine) spend(n int) error {
	m.work += n
	if n > maxVector || m.work > maxWork {
		return errWork
	}
	return nil
}

// placed gives an operation's error its place in the formula, and the name of the function or method that it is from.
func (m *machine) placed(e expr, name string, v value, err error) (value, error) {
	if err == nil || errors.Is(err, errStopped) {
		return v, err
	}
	if name != "" {
		name += ": "
	}
	hint := ""
	if few := (*tooFew)(nil); errors.As(err, &few) {
		hint = "ask GetSamplePercent first to do something else then"
	} else if errors.Is(err, errNoValues) {
		hint = "add a number, as in max(0, v), or look at len(v) first"
	}
	return value{}, m.src.errorAt(e.place(), hint, "%s%s", name, err)
}
