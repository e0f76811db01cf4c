package frames

import (
	"maps"
	"slices"
	"strings"

	"github.com/spillway/spillway/internal/fault"
)

// A dialect says what the characters of a list mean.
type dialect struct {
	example   string
	ranges    string            // characters between the ends of a range
	steps     []string          // words before a step
	colon     bool              // "1-10:2" is a step
	threeway  bool              // so is "1:10:2"
	fill      bool              // "1-10y3": what 1-10x3 leaves out
	weave     bool              // "1-10:5": every 5th, then every 2nd, then the rest
	spaces    bool              // between items, beside commas
	disjoint  bool              // a frame must not be named twice, and the order is by number
	mistaken  map[string]string // what is written so elsewhere, and what is meant here
	direction bool              // a step's sign must be the range's
}

// dialects are those that there are, by name. Deadline's and OpenCue's lists are described in their manuals ("Frame List
// Formatting Options"; FileSequence's FrameRange), OpenJD's in the 2023-09 template schemas, §3.4.1.1.
var dialects = map[string]*dialect{
	"deadline": {example: "1-100x5,1-100", ranges: "-:", steps: []string{"x", "step", "by", "every"}, threeway: true, spaces: true},
	"opencue":  {example: "1-100x5,101-110y2,1-100:5", ranges: "-", steps: []string{"x"}, fill: true, weave: true, direction: true},
	"openjd":   {example: "1-100:5,200", ranges: "-", colon: true, disjoint: true, mistaken: map[string]string{"x": ":"}},
	"maya":     {example: "1-100:5 200", ranges: "-", steps: []string{"x"}, colon: true, spaces: true},
	"blender":  {example: "1,5,10-20", ranges: "-", mistaken: map[string]string{"x": "a list of frames", ":": "a list of frames"}},
}

// aliases are other names of dialects that are written alike.
var aliases = map[string]string{"houdini": "maya", "flamenco": "blender", "cuebot": "opencue", "deadline10": "deadline", "qube": "maya"}

// Dialects are the names that Parse takes, in order.
func Dialects() []string { return slices.Sorted(maps.Keys(dialects)) }

// find returns a dialect by its name.
func find(name string) (*dialect, error) {
	name = strings.ToLower(name)
	if other := aliases[name]; other != "" {
		name = other
	}
	if d := dialects[name]; d != nil {
		return d, nil
	}
	err := fault.New(fault.Invalid, "%q is no dialect of frame lists", name)
	if near := nearest(name); near != "" {
		return nil, fault.WithHint(err, "did you mean %q? There are: %s", near, strings.Join(Dialects(), ", "))
	}
	return nil, fault.WithHint(err, "there are: %s", strings.Join(Dialects(), ", "))
}

// nearest is the known name that differs in at most two letters, or "".
func nearest(name string) string {
	best, least := "", 3
	for _, known := range slices.Concat(Dialects(), slices.Sorted(maps.Keys(aliases))) {
		if d := distance(name, known); d < least {
			best, least = known, d
		}
	}
	return best
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
