package blob

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

var (
	plainLimits  = Limits{Key: 1024}
	strictLimits = Limits{Key: 1024, Escape: `\.`}
)

func TestNamesInKeys(t *testing.T) {
	for _, c := range []struct{ name, plain, strict string }{
		{"beauty.0001.exr", "beauty.0001.exr", "beauty.0001.exr"},
		{"100% done", "100% done", "100% done"},
		{"100%25", "100%25", "100%25"},
		{"a\nb", "a%0Ab", "a%0Ab"},
		{"a%0Ab", "a%250Ab", "a%250Ab"},
		{"a%250Ab", "a%25250Ab", "a%25250Ab"},
		{"%41", "%41", "%41"},
		{"\xff", "%FF", "%FF"},
		{"Gr\u00fc\u00dfe \u65e5\u672c", "Gr\u00fc\u00dfe \u65e5\u672c", "Gr\u00fc\u00dfe \u65e5\u672c"},
		{"\uffff", "%EF%BF%BF", "%EF%BF%BF"},
		{"end.", "end.", "end%2E"},
		{"...", "...", "..%2E"},
		{`back\slash`, `back\slash`, `back%5Cslash`},
		{"%2E", "%252E", "%252E"},
	} {
		for l, want := range map[*Limits]string{&plainLimits: c.plain, &strictLimits: c.strict} {
			if got := encodeName(c.name, l); got != want {
				t.Errorf("%q is %q, want %q", c.name, got, want)
			}
			if got, ok := decodeName(want, l); !ok || got != c.name {
				t.Errorf("%q stands for %q, %v; want %q", want, got, ok, c.name)
			}
		}
	}
	for _, part := range []string{"", ".", "..", "a\x00", "a\n", "%2e%2E", strings.Repeat("x", 256)} {
		if name, ok := decodeName(part, &plainLimits); ok && encodeName(name, &plainLimits) != part {
			t.Errorf("%q stands for %q", part, name)
		}
	}
	if _, ok := decodeName(".", &plainLimits); ok {
		t.Error("a key that is no name has a name")
	}
}

// Every name has a key of its own, which a store can hold, and comes back from it.
func TestEveryNameHasItsKey(t *testing.T) {
	name := rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{"%", "25", "0A", "2E", "5C", ".", "\\", "a", "\n", "\xff", "é", "E", "41"}), 1, 8).Draw(t, "parts")
		return strings.Join(parts, "")
	})
	rapid.Check(t, func(t *rapid.T) {
		l := rapid.SampledFrom([]*Limits{&plainLimits, &strictLimits}).Draw(t, "limits")
		a, b := name.Draw(t, "a"), name.Draw(t, "b")
		if checkName(a) != nil || checkName(b) != nil {
			t.Skip()
		}
		key := encodeName(a, l)
		if !utf8.ValidString(key) || strings.ContainsFunc(key, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '/' }) {
			t.Fatalf("%q is %q", a, key)
		}
		if l.Escape != "" && (strings.HasSuffix(key, ".") || strings.Contains(key, `\`)) {
			t.Fatalf("%q is %q", a, key)
		}
		if got, ok := decodeName(key, l); !ok || got != a {
			t.Fatalf("%q is %q, which stands for %q, %v", a, key, got, ok)
		}
		if a != b && key == encodeName(b, l) {
			t.Fatalf("%q and %q are both %q", a, b, key)
		}
	})
}

func FuzzDecodeName(f *testing.F) {
	for _, s := range []string{"a", "%0A", "%250A", "%25", "%2", "%", "%25252E.", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, part string) {
		for _, l := range []*Limits{&plainLimits, &strictLimits} {
			if name, ok := decodeName(part, l); ok && (encodeName(name, l) != part || checkName(name) != nil) {
				t.Errorf("%q stands for %q", part, name)
			}
		}
	})
}

func FuzzMetadata(f *testing.F) {
	f.Add("33188", "1600000000.5", "1:3", "00")
	f.Add("0100644", "1.0000000001", "-1", "zz")
	f.Fuzz(func(t *testing.T, mode, at, rdev, id string) {
		o := &Origin{}
		obj := Object{Key: "k", Props: Props{Meta: map[string]string{
			metaMode: mode, metaMtime: at, metaRdev: rdev, metaUID: id, metaID: id, metaKey: keyHash("k"),
		}}}
		a := o.attrsOf(&obj, false)
		if a.Mode&^modePerm != 0 || a.Type == 2 {
			t.Errorf("mode %q makes %+v", mode, a)
		}
		if parsed, ok := parseTime(at); ok {
			if again, ok := parseTime(formatTime(parsed)); !ok || again != parsed || parsed.Nsec > 999_999_999 {
				t.Errorf("time %q is %v, which is written as %q", at, parsed, formatTime(parsed))
			}
		}
		tokenAt(&obj)
	})
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"move":{"from":"a","to":"b","id":"ZmY="}}`))
	f.Add([]byte(`{"upload":{"key":"a","id":"b"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		if err := writeSynced(dir, "0000000000000001.json", data); err != nil {
			t.Fatal(err)
		}
		j, err := openJournal(dir)
		if err != nil || len(j.pending) != 1 {
			t.Fatal(j, err)
		}
		if r, err := j.read(j.pending[0]); err == nil && r.Move == nil && r.Upload == nil {
			t.Error("an empty record was read")
		}
	})
}

func TestJournalIgnoresWhatIsHalfWritten(t *testing.T) {
	dir := t.TempDir()
	if err := writeSynced(dir, "new-123", []byte("{")); err != nil {
		t.Fatal(err)
	}
	j, err := openJournal(dir)
	if err != nil || len(j.pending) != 0 {
		t.Fatal(j.pending, err)
	}
	a, err := j.begin(record{Upload: &uploadRecord{"k", "i"}})
	if err != nil {
		t.Fatal(err)
	}
	if j, err = openJournal(dir); err != nil || len(j.pending) != 1 || j.pending[0] != a {
		t.Fatal(j.pending, err)
	}
	if r, err := j.read(a); err != nil || *r.Upload != (uploadRecord{"k", "i"}) {
		t.Fatal(r, err)
	}
	if b, _ := j.begin(record{}); bytes.Compare([]byte(a), []byte(b)) >= 0 {
		t.Errorf("%s comes after %s", a, b)
	}
}
