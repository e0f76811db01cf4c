package s3test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin/blob"
)

// describe writes an object's headers. length is that of the answer.
func describe(w http.ResponseWriter, o *blob.Object, length int64) {
	h := w.Header()
	for name, value := range o.Props.Meta {
		h.Set("X-Amz-Meta-"+name, value)
	}
	for name, value := range map[string]string{
		"Content-Type": o.Props.Headers.ContentType, "Content-Encoding": o.Props.Headers.Encoding,
		"Content-Language": o.Props.Headers.Language, "Content-Disposition": o.Props.Headers.Disposition,
		"Cache-Control": o.Props.Headers.CacheControl,
	} {
		if value != "" {
			h.Set(name, value)
		}
	}
	h.Set("ETag", quote(o.ETag))
	h.Set("Last-Modified", o.Modified.UTC().Format(http.TimeFormat))
	h.Set("Content-Length", strconv.FormatInt(length, 10))
}

func propsOf(h http.Header) blob.Props {
	p := blob.Props{Meta: map[string]string{}, Headers: blob.Headers{
		ContentType: h.Get("Content-Type"), Encoding: h.Get("Content-Encoding"), Language: h.Get("Content-Language"),
		Disposition: h.Get("Content-Disposition"), CacheControl: h.Get("Cache-Control"),
	}}
	for name := range h {
		if meta, ok := strings.CutPrefix(strings.ToLower(name), "x-amz-meta-"); ok {
			p.Meta[meta] = h.Get(name)
		}
	}
	return p
}

// span reads "bytes=FIRST-LAST".
func span(s string) (off, n int64, err error) {
	var last int64
	if _, err := fmt.Sscanf(s, "bytes=%d-%d", &off, &last); err != nil || last < off {
		return 0, 0, fault.New(fault.Invalid, "range %q", s)
	}
	return off, last - off + 1, nil
}

func (s *Server) get(r *request) error {
	off, n, err := span(r.Header.Get("Range"))
	if err != nil {
		return err
	}
	obj, body, err := s.Get(r.Context(), r.key, off, n, r.cond.Match)
	if err != nil {
		return err
	}
	defer body.Close()
	n = min(n, obj.Size-off)
	describe(r.w, &obj, n)
	r.w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", off, off+n-1, obj.Size))
	r.w.WriteHeader(http.StatusPartialContent)
	_, _ = io.Copy(r.w, body) // a client that is gone notices
	return nil
}

const copySource = "X-Amz-Copy-Source"

// copied is the result of a copy, under either of its names.
type copied struct {
	XMLName xml.Name
	ETag    string
}

func (s *Server) copy(r *request) error {
	plain, err := url.PathUnescape(r.Header.Get(copySource))
	if err != nil {
		return err
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(plain, "/"), "/")
	if bucket != s.Bucket {
		return blob.ErrNotFound
	}
	from := blob.Object{Key: key, ETag: strings.Trim(r.Header.Get(copySource+"-If-Match"), `"`)}
	if r.q.Has("uploadId") {
		return s.copyPart(r, from)
	}
	if r.Header.Get("X-Amz-Metadata-Directive") != "REPLACE" {
		return fault.New(fault.Invalid, "a copy that keeps properties")
	}
	obj, err := s.Copy(r.Context(), from, r.key, propsOf(r.Header), r.cond)
	if err == nil {
		answer(r.w, http.StatusOK, copied{xml.Name{Local: "CopyObjectResult"}, quote(obj.ETag)})
	}
	return err
}

func (s *Server) copyPart(r *request, from blob.Object) error {
	off, n, err := span(r.Header.Get(copySource + "-Range"))
	if err != nil {
		return err
	}
	part, err := strconv.Atoi(r.q.Get("partNumber"))
	if err != nil {
		return err
	}
	_, body, err := s.Get(r.Context(), from.Key, off, n, from.ETag)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(body)
	if err != nil || int64(len(data)) != n {
		return fault.New(fault.Invalid, "range beyond the end")
	}
	tag, err := s.Part(r.Context(), r.key, r.q.Get("uploadId"), part, bytes.NewReader(data), n)
	if err == nil {
		answer(r.w, http.StatusOK, copied{xml.Name{Local: "CopyPartResult"}, quote(tag)})
	}
	return err
}
