package test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spillway/spillway/internal/origin/blob"
	"github.com/spillway/spillway/internal/origin/blob/s3/s3test"
)

// bucketConfig is a filer's file with one export of a bucket.
const bucketConfig = `listen: %s
cacheDir: %s
exports:
  - path: /nas
    origin: s3:studio/shows
    verify: 1s
    s3: {endpoint: %q, region: eu-central-1, accessKey: "env:TEST_ACCESS_KEY", secretKey: "file:%s"}
    objectDefaults: {uid: %d, gid: %d, fileMode: 0640}
`

// A filer before a bucket: what is written through it are plain objects at their paths as soon as files are closed, what
// others put there appears, and a filer that was killed goes on with the same files. The secret is in no log.
func TestFilerBeforeABucket(t *testing.T) {
	needsFUSE(t)
	t.Parallel()
	f := newFarm(t)
	bucket := s3test.New()
	srv := httptest.NewServer(bucket)
	t.Cleanup(srv.Close)
	f.env = append(slices.Clone(f.env), "TEST_ACCESS_KEY="+bucket.AccessKey)
	secret, at := f.write("secret", bucket.SecretKey+"\n"), freeAddress()
	config := func(name, cache, endpoint, secret string) string {
		return f.write(name, fmt.Sprintf(bucketConfig, at, filepath.Join(f.dir, cache), endpoint, secret, os.Getuid(), os.Getgid()))
	}
	run := func() *daemon {
		return start(t, f.env, "filer", "--config", config("filer.yaml", "cache", srv.URL, secret))
	}
	filer := run()
	m := f.mount("m", at)

	put := func(key, text string) {
		t.Helper()
		if _, err := bucket.Put(t.Context(), key, strings.NewReader(text), int64(len(text)), blob.Props{}, blob.Cond{}); err != nil {
			t.Fatal(err)
		}
	}
	object := func(key, want string) {
		t.Helper()
		obj, body, err := bucket.Get(t.Context(), key, 0, 1<<30, "")
		if err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		defer body.Close()
		if got, err := io.ReadAll(body); err != nil || string(got) != want || obj.Size != int64(len(want)) {
			t.Errorf("object %s holds %d bytes, want %d, %v", key, len(got), len(want), err)
		}
	}
	frame := string(noise(20<<20+5, 7)) // more than one part
	writeFile(t, filepath.Join(m, "sh010/frame 0001.exr"), frame)
	writeFile(t, filepath.Join(m, "sh010/notes.txt"), "first")
	object("shows/sh010/frame 0001.exr", frame)
	object("shows/sh010/notes.txt", "first")
	if n := bucket.Uploads(); n != 0 || bucket.Calls("complete") == 0 {
		t.Errorf("%d uploads are unfinished, %d were completed", n, bucket.Calls("complete"))
	}
	if err := os.Rename(filepath.Join(m, "sh010"), filepath.Join(m, "sh020")); err != nil {
		t.Fatal(err)
	}
	if keys := bucket.Keys(); !slices.Equal(keys, []string{"shows/sh020/", "shows/sh020/frame 0001.exr", "shows/sh020/notes.txt"}) {
		t.Errorf("the bucket holds %q", keys)
	}

	put("shows/from/others/beauty.exr", "pixels")
	eventually(t, patience, func() error {
		data, err := os.ReadFile(filepath.Join(m, "from/others/beauty.exr"))
		if err == nil && string(data) != "pixels" {
			err = fmt.Errorf("read %q", data)
		}
		return err
	})
	if s, err := os.Stat(filepath.Join(m, "from/others/beauty.exr")); err != nil || s.Mode() != 0o640 {
		t.Errorf("an object of others is shown as %v, %v", s, err)
	}
	put("shows/sh020/notes.txt", "second")
	eventually(t, patience, func() error {
		data, err := os.ReadFile(filepath.Join(m, "sh020/notes.txt"))
		if err == nil && string(data) != "second" {
			err = fmt.Errorf("read %q", data)
		}
		return err
	})

	filer.kill()
	log := filer.logged()
	filer = run()
	if got := readFile(t, filepath.Join(m, "sh020/frame 0001.exr")); got != frame {
		t.Error("after a restart the file reads otherwise")
	}
	writeFile(t, filepath.Join(m, "sh020/notes.txt"), "third")
	object("shows/sh020/notes.txt", "third")
	if log += filer.logged(); strings.Contains(log, bucket.SecretKey) || strings.Contains(log, bucket.AccessKey) {
		t.Error("the keys are in the log")
	}
}

// What is wrong with a bucket is told at the start, with what to do.
func TestBucketsThatAreRefused(t *testing.T) {
	t.Parallel()
	f := newFarm(t)
	bucket := s3test.New()
	srv := httptest.NewServer(bucket)
	t.Cleanup(srv.Close)
	denied := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>`))
	}))
	t.Cleanup(denied.Close)
	right, wrong := f.write("right", bucket.SecretKey), f.write("wrong", "swordfish")
	f.env = append(slices.Clone(f.env), "TEST_ACCESS_KEY="+bucket.AccessKey, "AWS_EC2_METADATA_DISABLED=true")
	for name, c := range map[string]struct {
		old, new string // in the configuration
		words    []string
	}{
		"wrong bucket":    {"s3:studio", "s3:studoi", []string{"studoi", "create the bucket, or correct its name"}},
		"wrong key":       {right, wrong, []string{"refuses the credentials", "s3.secretKey"}},
		"no right":        {srv.URL, denied.URL, []string{"denies access to bucket studio", "ListBucket"}},
		"wrong region":    {"eu-central-1", "eu-north-1", []string{"another region", "s3.region"}},
		"no secret":       {right, right + ".gone", []string{"no secret at file:", "s3.accessKey"}},
		"half a pair":     {`accessKey: "env:TEST_ACCESS_KEY", `, "", []string{"accessKey and secretKey go together"}},
		"a secret itself": {`"file:` + right + `"`, "hunter-two", []string{"want a reference to a secret, not the secret"}},
		"no bucket":       {"s3:studio/shows", "s3:/shows", []string{"is no bucket", "want s3:BUCKET"}},
		"octal":           {"0640", "0699", []string{"permission bits in octal"}},
		"not a bucket":    {"s3:studio/shows", "posix:/", []string{"s3 is for an origin s3:BUCKET"}},
	} {
		t.Run(name, func(t *testing.T) {
			text := fmt.Sprintf(bucketConfig, "127.0.0.1:0", filepath.Join(t.TempDir(), "cache"), srv.URL, right, 0, 0)
			if !strings.Contains(text, c.old) {
				t.Fatalf("%q is not in the configuration", c.old)
			}
			file := filepath.Join(t.TempDir(), "filer.yaml")
			writeFile(t, file, strings.ReplaceAll(text, c.old, c.new))
			_, said, exit := spillwayOutput(t, patience, f.env, "filer", "--config", file)
			if exit == 0 {
				t.Error("it started")
			}
			for _, word := range c.words {
				if !strings.Contains(said, word) {
					t.Errorf("%q is not in:\n%s", word, said)
				}
			}
			if strings.Contains(said, "swordfish") || strings.Contains(said, bucket.SecretKey) {
				t.Errorf("a secret is in:\n%s", said)
			}
		})
	}
}
