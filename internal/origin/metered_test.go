package origin

import (
	"reflect"
	"strings"
	"testing"
)

// Every operation is measured, once and under its own name; what asks nobody is not.
func TestEachOperationIsMeasured(t *testing.T) {
	var seen []Operation
	m := Metered(nil, func(op Operation) func(error) {
		seen = append(seen, op)
		return func(error) {}
	})
	v := reflect.ValueOf(m)
	measured := 0
	for i := range v.NumMethod() {
		method := v.Type().Method(i)
		switch method.Name {
		case "Caps", "Describe", "Close", "Unwrap":
			continue
		}
		seen = nil
		args := make([]reflect.Value, v.Method(i).Type().NumIn())
		for j := range args {
			args[j] = reflect.Zero(v.Method(i).Type().In(j))
		}
		func() {
			defer func() { _ = recover() }() // there is no origin behind the meter
			v.Method(i).Call(args)
		}()
		want := strings.ToUpper(method.Name)
		if want == "STATFS" {
			want = "FSSTAT"
		}
		if len(seen) != 1 || seen[0].String() != want {
			t.Errorf("%s is measured as %v", method.Name, seen)
		}
		measured++
	}
	if measured != int(Operations) || Operations.String() != "UNKNOWN" {
		t.Errorf("%d operations are measured, %d have a name", measured, Operations)
	}
}

type remountable struct{ Origin }

func (remountable) Remount() {}

func TestAsFindsWhatIsWrapped(t *testing.T) {
	type remounting interface{ Remount() }
	nothing := func(Operation) func(error) { return func(error) {} }
	if _, ok := As[remounting](Metered(Metered(remountable{}, nothing), nothing)); !ok {
		t.Error("not found below two wrappers")
	}
	if _, ok := As[remounting](Metered(nil, nothing)); ok {
		t.Error("found where it is not")
	}
}
