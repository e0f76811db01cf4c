package filer

import (
	"encoding/hex"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spillway/spillway/nfs"
)

// The page on the cache directory shows a content record; it is what the filer writes and reads.
func TestDocumentedContentRecord(t *testing.T) {
	page := string(readFile(t, "../../docs/formats/filer-cache.md"))
	example := regexp.MustCompile(`(?m)^    ((?:[0-9a-f]{2} )+[0-9a-f]{2})$`).FindStringSubmatch(page)
	if example == nil {
		t.Fatal("the page shows no record")
	}
	want, err := hex.DecodeString(strings.ReplaceAll(example[1], " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	r := record{
		gen: 7, lastUse: 8, state: nfs.PreAttr{Size: 10, Mtime: nfs.Time{Sec: 3, Nsec: 4}, Ctime: nfs.Time{Sec: 5, Nsec: 6}},
		have: ranges{[]span{{0, 10}}}, asked: ranges{[]span{{0, 4}}},
	}
	if got := r.encode(); !slices.Equal(got, want) {
		t.Errorf("the filer writes % x, the page says % x", got, want)
	}
	if got, err := parseRecord(want); err != nil || got.state != r.state || !got.have.has(0, 10) || got.gen != 7 {
		t.Errorf("the page's record is read as %+v, %v", got, err)
	}
}

// Every kind of key that the index has is on the page, and no other; so are the singletons.
func TestDocumentedKeys(t *testing.T) {
	page := string(readFile(t, "../../docs/formats/filer-cache.md"))
	kinds := func(text, pattern string) (out []string) {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			out = append(out, m[1])
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	coded := kinds(string(readFile(t, "keys.go")), `(?m)^//\t"([a-z])" `)
	if shown := kinds(page, "(?m)^\\| `([a-z])` "); !slices.Equal(shown, coded) {
		t.Errorf("keys of the page %v, of the filer %v", shown, coded)
	}
	var sources strings.Builder
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasSuffix(f.Name(), ".go") && !strings.HasSuffix(f.Name(), "_test.go") {
			sources.Write(readFile(t, f.Name()))
		}
	}
	singletons := kinds(sources.String(), `metaKey\("([A-Za-z]+)"\)`)
	if shown := kinds(page, "(?m)^\\| `m` `([A-Za-z]+)`"); !slices.Equal(shown, singletons) {
		t.Errorf("singletons of the page %v, of the filer %v", shown, singletons)
	}
}
