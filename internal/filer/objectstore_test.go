package filer

import (
	"slices"
	"strings"
	"testing"

	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/fault"
)

func decodeExports(t *testing.T, exports string) (File, error) {
	t.Helper()
	f := File{Listen: "127.0.0.1:0", CacheDir: t.TempDir()}
	return f, config.Decode("filer.yaml", []byte("exports:\n"+exports), &f)
}

func TestMistakesAboutBuckets(t *testing.T) {
	for _, c := range []struct{ exports, said string }{
		{`  - {path: /a, origin: "s3:/b"}`, "is no bucket"},
		{`  - {path: /a, origin: "s3:b/"}`, ""},
		{`  - {path: /a, origin: "s3:b/c/"}`, "is no bucket"},
		{`  - {path: /a, origin: "s3:b/c//d"}`, "is no bucket"},
		{`  - {path: /a, origin: "s3:b?x"}`, "is no bucket"},
		{`  - {path: /a, origin: "s3:b", s3: {secretKey: "env:X"}}`, "go together"},
		{`  - {path: /a, origin: "s3:b", s3: {accessKey: AKID, secretKey: "env:X"}}`, "want a reference to a secret"},
		{`  - {path: /a, origin: "nfs:h:1/x", s3: {region: x}}`, "s3 is for an origin"},
		{`  - {path: /a, origin: "azblob:c/p", azblob: {account: weir, accountKey: "env:X"}}`, ""},
		{`  - {path: /a, origin: "azblob:c", azblob: {accountKey: "env:X", sas: "env:Y"}}`, "give one"},
		{`  - {path: /a, origin: "azblob:/c", azblob: {}}`, "want azblob:BUCKET"},
		{`  - {path: /a, origin: "s3:b", azblob: {}}`, "azblob is for an origin"},
		{`  - {path: /a, origin: "azblob:c", s3: {}}`, "s3 is for an origin"},
		{"  - {path: /a, origin: \"azblob:c\", azblob: {account: x}}\n  - {path: /c, origin: \"azblob:c/d\", azblob: {account: y}}", ""},
		{"  - {path: /a, origin: \"azblob:c\", azblob: {account: x}}\n  - {path: /c, origin: \"azblob:c/d\", azblob: {account: x}}", "overlap"},
		{`  - {path: /a, origin: "nfs:h:1/x", objectDefaults: {uid: 1}}`, "are for the objects of a bucket"},
		{`  - {path: /a, origin: "s3:b", objectDefaults: {dirMode: 0}}`, "permission bits in octal"},
		{`  - {path: /a, origin: "s3:b", objectDefaults: {dirMode: 10777}}`, "permission bits in octal"},
		{`  - {path: /a, origin: "s3:b", parentControl: "https://x"}`, "parentControl is for"},
		{"  - {path: /a, origin: \"s3:b\"}\n  - {path: /c, origin: \"s3:b/d\"}", "overlap"},
		{"  - {path: /a, origin: \"s3:b\", s3: {endpoint: \"http://x\"}}\n  - {path: /c, origin: \"s3:b/d\"}", ""}, // another store
		{"  - {path: /a, origin: \"s3:b\"}\n  - {path: /c, origin: \"s3:b\", targetPath: /d, s3: {region: x}}", "say it there"},
		{"  - {path: /a, origin: \"s3:b\", s3: {region: x}}\n  - {path: /c, origin: \"s3:b\", targetPath: /d, s3: {region: x}}", ""},
	} {
		_, err := decodeExports(t, c.exports)
		if c.said == "" {
			if err != nil {
				t.Errorf("%s: %v", c.exports, err)
			}
			continue
		}
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.said) {
			t.Errorf("%s: %v", c.exports, err)
		}
	}
}

// What is said of a bucket takes effect at the next start, and a reload says so.
func TestReloadOfABucket(t *testing.T) {
	now, err := decodeExports(t, `  - {path: /a, origin: "s3:b", s3: {region: x}, objectDefaults: {uid: 5, dirMode: 0770}}`)
	if err != nil {
		t.Fatal(err)
	}
	if d := now.Exports[0].ObjectDefaults; d.UID != 5 || d.DirMode != 0o770 || d.FileMode != 0 {
		t.Errorf("defaults %+v", d)
	}
	for exports, want := range map[string][]string{
		`  - {path: /a, origin: "s3:b", s3: {region: x}, objectDefaults: {uid: 5, dirMode: 0770}}`: nil,
		`  - {path: /a, origin: "s3:b", s3: {region: y}, objectDefaults: {uid: 5, dirMode: 0770}}`: {"export /a"},
		`  - {path: /a, origin: "s3:b", s3: {region: x}}`:                                          {"export /a"},
	} {
		next, err := decodeExports(t, exports)
		if err != nil {
			t.Fatal(err)
		}
		next.CacheDir = now.CacheDir
		if got := differences(now, next); !slices.Equal(got, want) {
			t.Errorf("%s: waits for the next start: %q, want %q", exports, got, want)
		}
	}
}
