package openjd_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spillway/spillway/openjd"
)

func rule(f openjd.PathFormat, source, destination string) openjd.PathRule {
	return openjd.PathRule{SourceFormat: f, Source: source, Destination: destination}
}

func TestMap(t *testing.T) {
	m, err := openjd.NewPathMapper([]openjd.PathRule{
		rule(openjd.Posix, "/nas", "/mnt/n"),
		rule(openjd.Posix, "/nas/show/", "/mnt/show/"),
		rule(openjd.Posix, "rel", "/mnt/rel"),
		rule(openjd.Windows, `Z:\`, "/mnt/z"),
		rule(openjd.Windows, `\\nas\proj`, "/mnt/p"),
		rule(openjd.Windows, `C:\Users\Ada`, "/home/ada"),
	}, openjd.Posix)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/nas":                       "/mnt/n",
		"/nas/":                      "/mnt/n/",
		"/nas/a//./b.png":            "/mnt/n/a/b.png",
		"/nas/show":                  "/mnt/show/",
		"/nas/show/a":                "/mnt/show/a",
		"/nas/shows/a":               "/mnt/n/shows/a",
		"/nas2/a":                    "/nas2/a",
		"/NAS/a":                     "/NAS/a",
		"/nas/show/../a":             "/mnt/n/a",
		"/nas/../etc/passwd":         "/nas/../etc/passwd",
		"/../nas/a":                  "/mnt/n/a",
		"/x/../nas/a":                "/mnt/n/a",
		"nas/a":                      "nas/a",
		"rel/a":                      "/mnt/rel/a",
		"rel/../../a":                "rel/../../a",
		"":                           "",
		`z:\a\B`:                     "/mnt/z/a/B",
		`Z:/a/`:                      "/mnt/z/a/",
		`Z:a`:                        `Z:a`,
		`\\NAS\Proj\x`:               "/mnt/p/x",
		`\\nas\project\x`:            `\\nas\project\x`,
		`c:\users\ADA\..\bob`:        `c:\users\ADA\..\bob`,
		`c:\users\ADA\a\..\..\ada\b`: "/home/ada/b",
	} {
		if got := m.Map(path); got != want {
			t.Errorf("%q is %q, want %q", path, got, want)
		}
	}
	r, rest, ok := m.Match("/nas/show/x/../seq/a.exr")
	if !ok || r.Source != "/nas/show/" || !cmp.Equal(rest, []string{"seq", "a.exr"}) {
		t.Errorf("Match is %v, %v, %v", r, rest, ok)
	}
}

func TestMapToWindows(t *testing.T) {
	m, err := openjd.NewPathMapper([]openjd.PathRule{rule(openjd.Posix, "/nas", `Z:\`), rule(openjd.Posix, "/", `C:\root`)}, openjd.Windows)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/nas/a/b": `Z:\a\b`, "/nas/": `Z:\`, "/x/": `C:\root\x\`} {
		if got := m.Map(path); got != want {
			t.Errorf("%q is %q, want %q", path, got, want)
		}
	}
}

func TestNilMapper(t *testing.T) {
	var m *openjd.PathMapper
	if m.Map("/a") != "/a" || m.Rules() != nil {
		t.Error("a nil mapper maps")
	}
	data, err := json.Marshal(m)
	if err != nil || string(data) != "null" {
		t.Errorf("%s, %v", data, err)
	}
}

func TestPathMappingDocument(t *testing.T) {
	rules := []openjd.PathRule{rule(openjd.Windows, `Z:\show`, "/mnt/show"), rule(openjd.Posix, "/a", "/b")}
	m, err := openjd.NewPathMapper(rules, openjd.Posix)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(m)
	want := `{"version":"pathmapping-1.0","path_mapping_rules":[` +
		`{"source_path_format":"WINDOWS","source_path":"Z:\\show","destination_path":"/mnt/show"},` +
		`{"source_path_format":"POSIX","source_path":"/a","destination_path":"/b"}]}`
	if err != nil || string(data) != want {
		t.Errorf("got %s, %v\nwant %s", data, err, want)
	}
	back, err := openjd.ParsePathMapping(data)
	if diff := cmp.Diff(rules, back); diff != "" || err != nil {
		t.Error(diff, err)
	}
	empty, err := openjd.NewPathMapper(nil, openjd.Posix)
	if err != nil {
		t.Fatal(err)
	}
	if data, _ := json.Marshal(empty); string(data) != `{"version":"pathmapping-1.0","path_mapping_rules":[]}` {
		t.Errorf("got %s", data)
	}
	if rules, err := openjd.ParsePathMapping([]byte("{}")); err != nil || rules != nil {
		t.Errorf("the empty object has %v, %v", rules, err)
	}
	for _, bad := range []string{
		"", "[]", `{"version": "pathmapping-2.0"}`, `{"path_mapping_rules": [{}]}`,
		`{"version": "pathmapping-1.0", "path_mapping_rules": [{"source_path_format": "URI", "source_path": "s3://a", "destination_path": "/b"}]}`,
		`{"version": "pathmapping-1.0", "path_mapping_rules": [{"source_path_format": "POSIX", "source_path": "", "destination_path": "/b"}]}`,
	} {
		if _, err := openjd.ParsePathMapping([]byte(bad)); err == nil {
			t.Errorf("accepted %s", bad)
		}
	}
	if _, err := openjd.NewPathMapper(nil, "MAC"); err == nil {
		t.Error("accepted a host that is neither")
	}
}
