package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/policy"
	"github.com/spillway/spillway/openjd"
)

func TestParse(t *testing.T) {
	p, err := policy.Parse("spillway.yaml", []byte(`
queue: night
deadlineIn: 95s
assets: ["{{Param.Project}}/textures"]
steps:
  Render:
    outputs: ["{{Param.OutDir}}/frame_{{Task.Param.Frame:04}}.png"]
    check: {kind: image, width: 480, height: 270}
`))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	if p.Queue != "night" || p.PriorityOr50() != 50 || p.RetriesOr2() != 2 || !p.DeadlineFrom(now).Equal(now.Add(95*time.Second)) {
		t.Errorf("got %+v", p)
	}
	stored, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := policy.Decode(stored)
	if err != nil || again.Steps["Render"].Outputs[0].String() != p.Steps["Render"].Outputs[0].String() || again.DeadlineIn != p.DeadlineIn {
		t.Errorf("read back: %+v, %v", again, err)
	}
}

func TestParseSaysWhatIsWrongAndWhere(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"unknown key":     {"priorities: 3", "spillway.yaml:1:1"},
		"priority":        {"priority: 101", "between 0 and 100"},
		"two deadlines":   {"deadline: 2026-01-02T09:00:00Z\ndeadlineIn: 3s", "exclude each other"},
		"cheap and soon":  {"cheapest: true\nmaxWait: 3h", "it can have no maxWait and no deadline"},
		"open braces":     {"assets: ['{{Param.X']", "{{ without }}"},
		"unknown symbol":  {"assets: ['{{Session.X}}']", "neither Param.NAME nor Task.Param.NAME"},
		"padding":         {"assets: ['{{Param.X:4}}']", "written like :04"},
		"check":           {"steps: {A: {check: {kind: movie}}}", "none of image, exists and none"},
		"flaw":            {"steps: {A: {check: {refuse: [pink]}}}", "none of black, nan, magenta and repeat"},
		"flaw of a movie": {"steps: {A: {check: {kind: exists, refuse: [black]}}}", "images only"},
		"size of no kind": {"steps: {A: {check: {width: 3}}}", "images only"},
	} {
		if _, err := policy.Parse("spillway.yaml", []byte(c.text)); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestFlawsAreRefusedByDefault(t *testing.T) {
	for text, want := range map[string]string{
		"{}":                                     "auto black nan magenta",
		"{kind: image}":                          "image black nan magenta",
		"{kind: image, refuse: []}":              "image",
		"{kind: image, refuse: [repeat, black]}": "image repeat black",
		"{refuse: [nan]}":                        "auto nan",
		"{kind: exists}":                         "exists",
		"{kind: none}":                           "none",
		"{kind: image, width: 3, height: 2, refuse: [magenta]}": "image magenta",
	} {
		p, err := policy.Parse("spillway.yaml", []byte("steps: {A: {check: "+text+"}}"))
		if err != nil {
			t.Fatal(err)
		}
		stored, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if p, err = policy.Decode(stored); err != nil {
			t.Fatal(err)
		}
		check := p.Steps["A"].Check
		if got := strings.Join(append([]string{check.KindOrAuto()}, check.Flaws()...), " "); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestPatternExpands(t *testing.T) {
	job, task := map[string]string{"Out": "/nas/out"}, map[string]string{"Frame": "7", "Below": "-3", "Cam": "left"}
	for text, want := range map[string]string{
		"{{Param.Out}}/f_{{Task.Param.Frame:04}}.png": "/nas/out/f_0007.png",
		"{{ RawParam.Out }}/{{Task.RawParam.Cam}}":    "/nas/out/left",
		"f_{{Task.Param.Below:04}}":                   "f_-003",
		"plain":                                       "plain",
	} {
		p, err := policy.ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := p.Expand(job, task); err != nil || got != want {
			t.Errorf("%s: got %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"{{Param.Nope}}", "{{Task.Param.Cam:04}}"} {
		p, err := policy.ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Expand(job, task); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: got %v", text, err)
		}
	}
	shared, err := policy.ParsePattern("{{Task.Param.Frame}}")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shared.Expand(job, nil); fault.KindOf(err) != fault.Invalid {
		t.Error("a task parameter without a task:", err)
	}
}

func TestLocationsMapTheLongestSource(t *testing.T) {
	l, err := policy.NewLocations([]policy.Source{
		{Location: "nas", Format: openjd.Posix, Path: "/mnt/nas"},
		{Location: "fast", Format: openjd.Posix, Path: "/mnt/nas/fast"},
		{Location: "nas", Format: openjd.Windows, Path: `N:\projects`},
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/mnt/nas/a/../b.png":  "nas:b.png",
		"/mnt/nas/fast/x":      "fast:x",
		"/mnt/nas/faster/x":    "nas:faster/x",
		"/mnt/nas":             "nas:",
		`n:\Projects\shot\a.b`: "nas:shot/a.b",
	} {
		if got, err := l.Map(path); err != nil || string(got.Location)+":"+got.Path != want {
			t.Errorf("%s: got %v, %v", path, got, err)
		}
	}
	for _, path := range []string{"/mnt/nas2/x", "/mnt/nas/../x", "relative", "", "/mnt/nas/a\x00b"} {
		if got, err := l.Map(path); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: got %v, %v", path, got, err)
		}
	}
}

func FuzzParsePattern(f *testing.F) {
	f.Add("{{Param.Out}}/f_{{Task.Param.Frame:04}}.png")
	f.Add("{{")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := policy.ParsePattern(text)
		if err == nil {
			_, _ = p.Expand(nil, map[string]string{"Frame": "1"})
		}
	})
}
