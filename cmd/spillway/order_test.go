package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/fault"
)

func TestSetFrames(t *testing.T) {
	for _, tt := range []struct{ text, frames, order, says string }{
		{text: "deadline:1-9x4,20", frames: "1-9:4,20"},
		{text: "opencue:1-10:5", frames: "1-10", order: "1-10:5"},
		{text: "openjd:1-4,9", frames: "1-4,9"},
		{text: "1-4", says: "names no dialect"},
		{text: "mya:1-4", says: `did you mean "maya"?`},
		{text: "openjd:1-4x2", says: `no "x" for a step`},
	} {
		s := restv1.Submission{}
		err := setFrames(&s, "Frames", tt.text)
		order := ""
		if s.Order != nil {
			order = s.Order.Frames
		}
		said := fmt.Sprint(err, fault.HintOf(err))
		if s.Parameters["Frames"] != tt.frames || order != tt.order || (err != nil) != (tt.says != "") || !strings.Contains(said, tt.says) {
			t.Errorf("%s: %v, order %q, %s", tt.text, s.Parameters, order, said)
		}
	}
	if err := setFrames(&restv1.Submission{Parameters: map[string]string{"Frames": "1"}}, "Frames", "openjd:2"); err == nil {
		t.Error("frames given twice are taken")
	}
}

func TestParseOrder(t *testing.T) {
	for text, want := range map[string]restv1.Order{
		"descending": {By: "descending"}, "middle-out": {By: "middleOut"}, "every:10": {Every: 10},
		"deadline:1-5x2": {Dialect: "deadline", Frames: "1-5x2"},
	} {
		if got, err := parseOrder(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"random", "every:0", "every:x", "deadline:x"} {
		if _, err := parseOrder(text); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", text, err)
		}
	}
}
