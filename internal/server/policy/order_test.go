package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/policy"
)

func TestOrder(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"{by: descending}", "{descending []}"},
		{"{by: ascending}", "{ []}"},
		{"{by: middleOut}", "{middleOut []}"},
		{"{every: 10}", "{strides [{0 90 10}]}"},
		{"{frames: '1001-1191x50,1001-1199x2', dialect: deadline}", "{strides [{0 75 25} {0 99 1}]}"},
		{"{frames: '1021,1011-1007x2', dialect: deadline}", "{strides [{10 10 1} {5 3 -1}]}"},
		{"{frames: '1001-1021:10'}", "{strides [{0 10 5}]}"},
	} {
		p, err := policy.Parse("spillway.yaml", []byte("steps: {Render: {order: "+tt.text+"}}"))
		if err != nil {
			t.Errorf("%s: %v", tt.text, err)
			continue
		}
		o, err := p.Steps["Render"].Order.Farm(100, policy.Numbering{First: 1001, Every: 2}) // 1001, 1003, … 1199
		if got := fmt.Sprintf("%v", struct{ K, S any }{o.Kind, o.Strides}); err != nil || got != tt.want {
			t.Errorf("%s: %s, %v, want %s", tt.text, got, err, tt.want)
		}
	}
}

func TestOrderSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"{by: random}":                     "none of ascending, descending, middleOut and binary",
		"{}":                               "one of by, every and frames",
		"{by: binary, every: 3}":           "one of by, every and frames",
		"{every: -1}":                      "not above 0",
		"{by: binary, dialect: maya}":      "a dialect is of frames",
		"{frames: 1-10x2}":                 `has no "x" for a step`,
		"{frames: '1', dialect: deadlyne}": `did you mean "deadline"?`,
		"{frames: '1200'}":                 "frame 1200, or one beside it, is none of the step's",
		"{frames: '1002'}":                 "frame 1002",
		"{frames: '1001-1011:5'}":          "frame 1011, or one beside it",
	} {
		p, err := policy.Parse("spillway.yaml", []byte("steps: {Render: {order: "+text+"}}"))
		if err == nil {
			_, err = p.Steps["Render"].Order.Farm(100, policy.Numbering{First: 1001, Every: 2})
		}
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(fmt.Sprint(err, fault.HintOf(err)), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
