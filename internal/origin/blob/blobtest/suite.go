package blobtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/spillway/spillway/internal/origin/blob"
)

// Kindness is what a double of a store lets pass, or does otherwise, than the store itself. The suite leaves out just that.
type Kindness struct {
	ReadConditions     bool // those of a GET and of a copy's source are not looked at
	CopyConditions     bool // those on the target of a copy are not looked at
	CopyKeeps          bool // a copy onto another object keeps that one's metadata beside its own
	DeleteConditions   bool // not looked at
	CompleteConditions bool // not looked at
	CompleteTag        bool // the ETag in the answer is not the object's
	Headers            bool // HTTP headers other than the content type are forgotten
	OddKeys            bool // keys with "%", "+", "&" and the like are lost
	Markers            bool // a key that ends in "/" is listed where its prefix belongs
	Repeats            bool // a prefix is listed on each page that its keys reach into
}

// Run runs the suite that every store must pass. open returns an empty bucket.
func Run(t *testing.T, kind Kindness, open func(t *testing.T) blob.Store) {
	for name, fn := range map[string]func(*testing.T, suite){
		"put and get": testPut, "conditions": testConditions, "ranges": testRanges, "copy": testCopy, "delete": testDelete,
		"listing": testList, "upload": testUpload, "abort": testAbort, "keys": testKeys,
	} {
		t.Run(name, func(t *testing.T) { fn(t, suite{t, open(t), kind}) })
	}
}

type suite struct {
	t    *testing.T
	s    blob.Store
	kind Kindness
}

func (s suite) ctx() context.Context { return s.t.Context() }

func (s suite) put(key, data string, c blob.Cond) (blob.Object, error) {
	p := blob.Props{Meta: map[string]string{"mode": "33188"}, Headers: blob.Headers{ContentType: "text/plain"}}
	return s.s.Put(s.ctx(), key, strings.NewReader(data), int64(len(data)), p, c)
}

func (s suite) must(obj blob.Object, err error) blob.Object {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	if obj.ETag == "" || strings.Contains(obj.ETag, `"`) {
		s.t.Fatalf("ETag %q", obj.ETag)
	}
	return obj
}

func (s suite) want(err, is error) {
	s.t.Helper()
	if !errors.Is(err, is) {
		s.t.Errorf("got %v, want %v", err, is)
	}
}

func (s suite) content(key, want string) blob.Object {
	s.t.Helper()
	obj, body, err := s.s.Get(s.ctx(), key, 0, 1<<30, "")
	if err != nil {
		s.t.Fatal(err)
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	if err != nil || string(data) != want || obj.Size != int64(len(want)) {
		s.t.Fatalf("%s holds %d bytes, says %d, %v; want %d", key, len(data), obj.Size, err, len(want))
	}
	return obj
}

func testPut(t *testing.T, s suite) {
	_, err := s.s.Head(s.ctx(), "a/b")
	s.want(err, blob.ErrNotFound)
	_, _, err = s.s.Get(s.ctx(), "a/b", 0, 1, "")
	s.want(err, blob.ErrNotFound)
	put := s.must(s.put("a/b", "hello", blob.Cond{}))
	head := s.must(s.s.Head(s.ctx(), "a/b"))
	got := s.content("a/b", "hello")
	for what, obj := range map[string]blob.Object{"head": head, "get": got} {
		if obj.ETag != put.ETag || obj.Size != 5 || !obj.HasProps || obj.Props.Meta["mode"] != "33188" || obj.Props.Headers.ContentType != "text/plain" {
			t.Errorf("%s: %+v, put was %+v", what, obj, put)
		}
		if obj.Modified.IsZero() {
			t.Errorf("%s says no time", what)
		}
	}
	if put.Key != "a/b" || put.Size != 5 || put.Props.Meta["mode"] != "33188" {
		t.Errorf("put: %+v", put)
	}
	s.must(s.put("empty", "", blob.Cond{}))
	if obj := s.must(s.s.Head(s.ctx(), "empty")); obj.Size != 0 {
		t.Errorf("an empty object: %+v", obj)
	}
	_, _, err = s.s.Get(s.ctx(), "empty", 0, 10, "")
	s.want(err, blob.ErrRange)
}

func testConditions(t *testing.T, s suite) {
	one := s.must(s.put("a", "1", blob.Cond{Absent: true}))
	_, err := s.put("a", "2", blob.Cond{Absent: true})
	s.want(err, blob.ErrPrecondition)
	s.content("a", "1")
	two := s.must(s.put("a", "2", blob.Cond{Match: one.ETag}))
	if two.ETag == one.ETag {
		t.Error("another version has the same ETag")
	}
	_, err = s.put("a", "3", blob.Cond{Match: one.ETag})
	s.want(err, blob.ErrPrecondition)
	s.content("a", "2")
	if _, err = s.put("none", "x", blob.Cond{Match: one.ETag}); err == nil {
		t.Error("replaced an object that is not there")
	}
	if !s.kind.ReadConditions {
		_, _, err = s.s.Get(s.ctx(), "a", 0, 1, one.ETag)
		s.want(err, blob.ErrPrecondition)
	}
}

func testRanges(t *testing.T, s suite) {
	s.must(s.put("a", "0123456789", blob.Cond{}))
	for _, c := range []struct {
		off, n int64
		want   string
	}{{0, 1, "0"}, {3, 4, "3456"}, {8, 100, "89"}, {0, 10, "0123456789"}} {
		obj, body, err := s.s.Get(s.ctx(), "a", c.off, c.n, "")
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(body)
		body.Close()
		if err != nil || string(data) != c.want || obj.Size != 10 {
			t.Errorf("%d+%d: %q of %d, %v", c.off, c.n, data, obj.Size, err)
		}
	}
	_, _, err := s.s.Get(s.ctx(), "a", 10, 1, "")
	s.want(err, blob.ErrRange)
}

func testCopy(t *testing.T, s suite) {
	a := s.must(s.put("from a/x", "data", blob.Cond{}))
	p := blob.Props{Meta: map[string]string{"uid": "7"}, Headers: blob.Headers{ContentType: "image/png", CacheControl: "no-cache"}}
	b := s.must(s.s.Copy(s.ctx(), a, "to", p, blob.Cond{Absent: true}))
	got := s.content("to", "data")
	if got.ETag != b.ETag || got.Props.Meta["uid"] != "7" || got.Props.Meta["mode"] != "" && !s.kind.CopyKeeps || got.Props.Headers.ContentType != "image/png" {
		t.Errorf("the copy is %+v", got)
	}
	if got.Props.Headers.CacheControl != "no-cache" && !s.kind.Headers {
		t.Errorf("the copy has the headers %+v", got.Props.Headers)
	}
	// onto itself, for new properties
	p.Meta = map[string]string{"uid": "8"}
	c := s.must(s.s.Copy(s.ctx(), got, "to", p, blob.Cond{Match: got.ETag}))
	if head := s.must(s.s.Head(s.ctx(), "to")); head.Props.Meta["uid"] != "8" || head.ETag != c.ETag || head.Size != 4 {
		t.Errorf("after a copy onto itself %+v", head)
	}
	stale := a
	stale.ETag = strings.Repeat("0", 32)
	_, err := s.s.Copy(s.ctx(), stale, "to", p, blob.Cond{})
	if !s.kind.ReadConditions {
		s.want(err, blob.ErrPrecondition)
	}
	stale.Key = "none"
	if _, err = s.s.Copy(s.ctx(), stale, "to", p, blob.Cond{}); !errors.Is(err, blob.ErrNotFound) && !errors.Is(err, blob.ErrPrecondition) {
		t.Errorf("a copy of nothing: %v", err)
	}
	if s.kind.CopyConditions {
		return
	}
	_, err = s.s.Copy(s.ctx(), a, "to", p, blob.Cond{Absent: true})
	s.want(err, blob.ErrPrecondition)
	_, err = s.s.Copy(s.ctx(), a, "to", p, blob.Cond{Match: strings.Repeat("0", 32)})
	s.want(err, blob.ErrPrecondition)
}

func testDelete(t *testing.T, s suite) {
	a := s.must(s.put("a", "1", blob.Cond{}))
	if !s.kind.DeleteConditions {
		s.want(s.s.Delete(s.ctx(), "a", strings.Repeat("0", 32)), blob.ErrPrecondition)
		s.content("a", "1")
	}
	if err := s.s.Delete(s.ctx(), "a", a.ETag); err != nil {
		t.Error(err)
	}
	_, err := s.s.Head(s.ctx(), "a")
	s.want(err, blob.ErrNotFound)
	for _, match := range []string{"", a.ETag} {
		if err := s.s.Delete(s.ctx(), "a", match); err != nil {
			t.Errorf("deleting what is not there: %v", err)
		}
	}
}

func (s suite) list(q blob.Query) (keys []string) {
	s.t.Helper()
	for range 1000 {
		l, err := s.s.List(s.ctx(), q)
		if err != nil {
			s.t.Fatal(err)
		}
		if q.Max > 0 && len(l.Objects)+len(l.Prefixes) > q.Max {
			s.t.Fatalf("a page of %d", len(l.Objects)+len(l.Prefixes))
		}
		for _, o := range l.Objects {
			if o.ETag == "" || strings.Contains(o.ETag, `"`) || o.Modified.IsZero() {
				s.t.Errorf("listed as %+v", o)
			}
			keys = append(keys, o.Key)
		}
		keys = append(keys, l.Prefixes...)
		if q.Token = l.Next; q.Token == "" {
			slices.Sort(keys)
			return keys
		}
	}
	s.t.Fatal("the listing does not end")
	return nil
}

func testList(t *testing.T, s suite) {
	if l, err := s.s.List(s.ctx(), blob.Query{}); err != nil || len(l.Objects)+len(l.Prefixes) != 0 || l.Next != "" {
		t.Fatalf("an empty bucket: %+v, %v", l, err)
	}
	keys := []string{"a", "d/", "d/x", "d/y/z", "d2/q", "e"}
	if s.kind.Markers {
		keys = slices.Delete(keys, 1, 2)
	}
	for _, key := range keys {
		s.must(s.put(key, key, blob.Cond{}))
	}
	below := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return !strings.HasPrefix(key, "d/") })
	folded := slices.Clone(below)
	folded[len(folded)-1] = "d/y/"
	for _, c := range []struct {
		q    blob.Query
		want []string
	}{
		{blob.Query{}, []string{"a", "d/", "d2/", "e"}},
		{blob.Query{Max: 1}, []string{"a", "d/", "d2/", "e"}},
		{blob.Query{Prefix: "d/"}, folded},
		{blob.Query{Prefix: "d/", Deep: true, Max: 2}, below},
		{blob.Query{Deep: true}, keys},
		{blob.Query{Prefix: "none/"}, nil},
	} {
		got := s.list(c.q)
		if s.kind.Repeats {
			got = slices.Compact(got)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v lists %q, want %q", c.q, got, c.want)
		}
	}
}

func (s suite) upload(parts []string, c blob.Cond) (blob.Object, error) {
	const key = "big"
	p := blob.Props{Meta: map[string]string{"uid": "9"}}
	id, err := s.s.Begin(s.ctx(), key, p)
	if err != nil {
		s.t.Fatal(err)
	}
	tags := make([]string, len(parts))
	for i := len(parts) - 1; i >= 0; i-- {
		for range 2 { // a repeat changes nothing
			if tags[i], err = s.s.Part(s.ctx(), key, id, i+1, strings.NewReader(parts[i]), int64(len(parts[i]))); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	return s.s.Complete(s.ctx(), key, id, tags, p, c)
}

func testUpload(t *testing.T, s suite) {
	size := int(s.s.Limits().MinPart)
	parts := []string{strings.Repeat("a", size), strings.Repeat("b", size), "end"}
	whole := strings.Join(parts, "")
	obj := s.must(s.upload(parts, blob.Cond{Absent: true}))
	if got := s.content("big", whole); got.ETag != obj.ETag && !s.kind.CompleteTag || got.Props.Meta["uid"] != "9" {
		t.Errorf("the object is %+v, the upload said %+v", got, obj)
	}
	match := obj.ETag
	if s.kind.CompleteTag {
		match = ""
	}
	_, body, err := s.s.Get(s.ctx(), "big", int64(size)-1, 2, match)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if data, _ := io.ReadAll(body); !bytes.Equal(data, []byte("ab")) {
		t.Errorf("across parts is %q", data)
	}
	if s.kind.CompleteConditions {
		return
	}
	_, err = s.upload([]string{"x"}, blob.Cond{Absent: true})
	s.want(err, blob.ErrPrecondition)
	_, err = s.upload([]string{"x"}, blob.Cond{Match: strings.Repeat("0", 32)})
	s.want(err, blob.ErrPrecondition)
	s.content("big", whole)
	s.must(s.upload([]string{"x"}, blob.Cond{Match: obj.ETag}))
	s.content("big", "x")
}

func testAbort(t *testing.T, s suite) {
	s.must(s.put("a", "1", blob.Cond{}))
	id, err := s.s.Begin(s.ctx(), "a", blob.Props{})
	if err != nil {
		t.Fatal(err)
	}
	tag, err := s.s.Part(s.ctx(), "a", id, 1, strings.NewReader("2"), 1)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := s.s.Abort(s.ctx(), "a", id); err != nil {
			t.Fatal(err)
		}
	}
	s.content("a", "1")
	_ = tag
}

func testKeys(t *testing.T, s suite) {
	keys := []string{"plain", "with space", "100%", "a%0Ab", "plus+plus", "Gr\u00fc\u00dfe/\u65e5\u672c", "a&b=c?d#e", "~!'()*", "dir/"}
	if s.kind.OddKeys {
		keys = []string{"plain", "with space", "Gr\u00fc\u00dfe/\u65e5\u672c", "dir/"}
	}
	for i, key := range keys {
		s.must(s.put(key, fmt.Sprint(i), blob.Cond{Absent: true}))
	}
	for i, key := range keys {
		obj := s.content(key, fmt.Sprint(i))
		copied := key + ".copy"
		s.must(s.s.Copy(s.ctx(), obj, copied, obj.Props, blob.Cond{}))
		s.content(copied, fmt.Sprint(i))
		if err := s.s.Delete(s.ctx(), copied, ""); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(keys)
	if got := s.list(blob.Query{Deep: true, Max: 2}); !slices.Equal(got, keys) {
		t.Errorf("listed %q, want %q", got, keys)
	}
}
