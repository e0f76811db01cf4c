// Package s3test is a bucket in memory that speaks the protocol of Amazon S3, as far as the adapter uses it, and is as
// strict as Amazon: it checks the signature of each request and the digest of each body, holds every condition, and
// refuses parts that are too small.
package s3test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin/blob"
	"github.com/spillway/spillway/internal/origin/blob/blobtest"
)

// Server is one bucket of one account in one region, with the bucket in the path.
type Server struct {
	*blobtest.Memory // what is in the bucket

	Bucket, Region       string
	AccessKey, SecretKey string
	// Fail, if set, is asked before each request; a status other than 0 is answered in place of it.
	Fail func(r *http.Request) (status int, code string)

	uploads sync.Map // properties by upload id
}

// New returns a server with an empty bucket named "studio".
func New() *Server {
	m := blobtest.NewMemory()
	m.ContentTags, m.MinPart = true, 5<<20
	return &Server{Memory: m, Bucket: "studio", Region: "eu-central-1", AccessKey: "AKIDEXAMPLE", SecretKey: "not/a+secret"}
}

// request is one that was read whole and whose signature is right.
type request struct {
	*http.Request
	w    http.ResponseWriter
	key  string
	q    url.Values
	body []byte
	cond blob.Cond
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.Fail != nil {
		if status, code := s.Fail(r); status != 0 {
			fail(w, status, code)
			return
		}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	if code := s.refuses(r, body); code != "" {
		fail(w, http.StatusForbidden, code)
		return
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if bucket != s.Bucket {
		fail(w, http.StatusNotFound, "NoSuchBucket")
		return
	}
	in := &request{Request: r, w: w, key: key, q: r.URL.Query(), body: body, cond: blob.Cond{
		Absent: r.Header.Get("If-None-Match") == "*", Match: strings.Trim(r.Header.Get("If-Match"), `"`),
	}}
	switch err := s.serve(in); {
	case err == nil:
	case errors.Is(err, blob.ErrNotFound) && in.q.Has("uploadId"):
		fail(w, http.StatusNotFound, "NoSuchUpload")
	case errors.Is(err, blob.ErrNotFound):
		fail(w, http.StatusNotFound, "NoSuchKey")
	case errors.Is(err, blob.ErrPrecondition):
		fail(w, http.StatusPreconditionFailed, "PreconditionFailed")
	case errors.Is(err, blob.ErrRange):
		fail(w, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
	default:
		fail(w, http.StatusBadRequest, "InvalidArgument")
	}
}

func (s *Server) serve(r *request) error {
	switch {
	case r.Method == http.MethodGet && r.key == "":
		return s.list(r)
	case r.key == "":
		return fault.New(fault.Invalid, "%s of the bucket", r.Method)
	case r.Method == http.MethodHead:
		obj, err := s.Head(r.Context(), r.key)
		if err == nil {
			describe(r.w, &obj, obj.Size)
		}
		return err
	case r.Method == http.MethodGet:
		return s.get(r)
	case r.Method == http.MethodDelete:
		return s.remove(r)
	case r.Method == http.MethodPost && r.q.Has("uploads"):
		return s.begin(r)
	case r.Method == http.MethodPost && r.q.Has("uploadId"):
		return s.complete(r)
	case r.Method == http.MethodPut && r.Header.Get(copySource) != "":
		return s.copy(r)
	case r.Method == http.MethodPut:
		return s.put(r)
	}
	return fault.New(fault.Invalid, "%s", r.Method)
}

func (s *Server) put(r *request) (err error) {
	body, size := bytes.NewReader(r.body), int64(len(r.body))
	var tag string
	if r.q.Has("uploadId") {
		n, atoiErr := strconv.Atoi(r.q.Get("partNumber"))
		if atoiErr != nil {
			return atoiErr
		}
		tag, err = s.Part(r.Context(), r.key, r.q.Get("uploadId"), n, body, size)
	} else {
		var obj blob.Object
		obj, err = s.Put(r.Context(), r.key, body, size, propsOf(r.Header), r.cond)
		tag = obj.ETag
	}
	if err == nil {
		r.w.Header().Set("ETag", quote(tag))
	}
	return err
}

func (s *Server) remove(r *request) (err error) {
	if r.q.Has("uploadId") {
		err = s.Abort(r.Context(), r.key, r.q.Get("uploadId"))
	} else {
		err = s.Delete(r.Context(), r.key, r.cond.Match)
	}
	if err == nil {
		r.w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// fail answers an error as S3 does; that of a HEAD has no body, and so no code.
func fail(w http.ResponseWriter, status int, code string) {
	answer(w, status, struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: code, Message: "as the double says"})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(body) // a client that is gone notices
}

func quote(tag string) string { return `"` + tag + `"` }
