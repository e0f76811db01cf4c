package frames_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/frames"
	"github.com/spillway/spillway/openjd"
)

func TestDialects(t *testing.T) {
	for _, tt := range []struct{ dialect, text, want, asRange string }{
		{"deadline", "1-5", "1 2 3 4 5", "1-5"},
		{"deadline", "1:10:4", "1 5 9", "1-9:4"},
		{"deadline", "1-10x4 20,30", "1 5 9 20 30", "1-9:4,20,30"},
		{"deadline", "1-10step4, 1-3by2,8-9every1", "1 5 9 3 8", "1-5:2,8,9"},
		{"deadline", "5-1", "5 4 3 2 1", "1-5"},
		{"deadline", "1-10x5,1-10", "1 6 2 3 4 5 7 8 9 10", "1-10"},
		{"Deadline", "-3--1", "-3 -2 -1", "-3--1"},
		{"opencue", "1-10x3", "1 4 7 10", "1-10:3"},
		{"opencue", "1-10y3", "2 3 5 6 8 9", "2,3,5,6,8,9"},
		{"opencue", "10-1x-1", "10 9 8 7 6 5 4 3 2 1", "1-10"},
		{"opencue", "1-10:5", "1 6 3 5 7 9 2 4 8 10", "1-10"}, // as its own documentation has it
		{"opencue", "-2-2,7", "-2 -1 0 1 2 7", "-2-2,7"},
		{"openjd", "1-10:4,12", "1 5 9 12", "1-9:4,12"},
		{"openjd", "10-8:-1", "8 9 10", "8-10"},
		{"maya", "1-10:5 12", "1 6 12", "1,6,12"},
		{"houdini", "1-10x5", "1 6", "1,6"},
		{"blender", "3,1,10-12", "3 1 10 11 12", "1,3,10-12"},
	} {
		l, err := frames.Parse(tt.dialect, tt.text)
		if got := strings.Trim(fmt.Sprint(l.Frames()), "[]"); err != nil || got != tt.want || l.Range() != tt.asRange {
			t.Errorf("%s %q: %s as %q, %v; want %s as %q", tt.dialect, tt.text, got, l.Range(), err, tt.want, tt.asRange)
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, tt := range []struct{ dialect, text, says string }{
		{"deadlin", "1", `did you mean "deadline"?`},
		{"shake", "1", "there are: blender, deadline, maya, opencue, openjd"},
		{"openjd", "1-10x5", "no \"x\" for a step: write :\n  1-10x5\n      ^"},
		{"blender", "1-10:2", "write a list of frames"},
		{"openjd", "1-5,3", "frame 3 is named twice"},
		{"opencue", "1-10x-2", "away from the end"},
		{"opencue", "10-1x2", "away from the end"},
		{"opencue", "1-10x0", "a step of 0"},
		{"opencue", "1-10x", "the step is missing"},
		{"deadline", "1-", "the end of the range is missing"},
		{"deadline", "", "a frame number is missing"},
		{"deadline", "1,,2", "was expected\n  1,,2\n    ^"},
		{"deadline", "1-9999999999", "more than 1000000 frames"},
		{"opencue", "1-9999999999y2", "more than 1000000 frames"},
		{"deadline", "99999999999999999999", "was expected"},
		{"blender", "1 2", "was expected"},
		{"maya", strings.Repeat("1", 100_001), "100001 bytes"},
	} {
		_, err := frames.Parse(tt.dialect, tt.text)
		said := fmt.Sprint(err) + "\n" + fault.HintOf(err)
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(said, tt.says) {
			t.Errorf("%s %.20q: %s, want %q", tt.dialect, tt.text, said, tt.says)
		}
	}
}

// TestRangeIsOpenJDs: what Range writes, Open Job Description's own parser reads as the same frames, sorted.
func TestRangeIsOpenJDs(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var l frames.List
		for range rapid.IntRange(1, 5).Draw(r, "strides") {
			first, step, n := rapid.Int64Range(-50, 50).Draw(r, "first"), rapid.Int64Range(1, 7).Draw(r, "step"), rapid.Int64Range(0, 9).Draw(r, "n")
			if rapid.Bool().Draw(r, "down") {
				step = -step
			}
			l = append(l, frames.Stride{First: first, Last: first + n*step, Step: step})
		}
		want := l.Frames()
		slices.Sort(want)
		again, err := frames.Parse("openjd", l.Range())
		if err != nil || !slices.Equal(again.Frames(), want) || !again.Ascending() {
			r.Fatalf("%v as %q is %v, %v", l, l.Range(), again.Frames(), err)
		}
		theirs, err := openjd.ParseIntRange(l.Range())
		if err != nil || theirs.Len() != int64(len(want)) {
			r.Fatalf("%q: %v", l.Range(), err)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, d := range frames.Dialects() {
		f.Add(d, "1-10x3,5:9:2 -4--1")
	}
	f.Fuzz(func(t *testing.T, dialect, text string) {
		l, err := frames.Parse(dialect, text)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("%v", err)
			}
			return
		}
		if n := len(l.Frames()); n == 0 || n > frames.MaxFrames {
			t.Errorf("%d frames", n)
		}
	})
}
