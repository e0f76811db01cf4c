package s3test

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin/blob"
)

func (s *Server) begin(r *request) error {
	id, err := s.Begin(r.Context(), r.key, blob.Props{})
	if err == nil {
		s.uploads.Store(id, propsOf(r.Header))
		answer(r.w, http.StatusOK, struct {
			XMLName xml.Name `xml:"InitiateMultipartUploadResult"`
			ID      string   `xml:"UploadId"`
		}{ID: id})
	}
	return err
}

func (s *Server) complete(r *request) error {
	var in struct {
		Part []struct {
			PartNumber int
			ETag       string
		}
	}
	if err := xml.Unmarshal(r.body, &in); err != nil {
		return err
	}
	tags := make([]string, len(in.Part))
	for i, p := range in.Part {
		if p.PartNumber != i+1 {
			return fault.New(fault.Invalid, "part %d is out of order", p.PartNumber)
		}
		tags[i] = strings.Trim(p.ETag, `"`)
	}
	id := r.q.Get("uploadId")
	kept, _ := s.uploads.Load(id)
	p, _ := kept.(blob.Props)
	obj, err := s.Complete(r.Context(), r.key, id, tags, p, r.cond)
	if err == nil {
		answer(r.w, http.StatusOK, struct {
			XMLName xml.Name `xml:"CompleteMultipartUploadResult"`
			ETag    string
		}{ETag: quote(obj.ETag)})
	}
	return err
}

// listed is an answer to ListObjectsV2.
type listed struct {
	XMLName               xml.Name `xml:"ListBucketResult"`
	EncodingType          string   `xml:",omitempty"`
	KeyCount              int
	IsTruncated           bool
	NextContinuationToken string `xml:",omitempty"`
	Contents              []listedObject
	CommonPrefixes        []listedPrefix
}

type listedObject struct {
	Key, ETag, LastModified string
	Size                    int64
}

type listedPrefix struct{ Prefix string }

func (s *Server) list(r *request) error {
	if r.q.Get("list-type") != "2" {
		return fault.New(fault.Invalid, "not ListObjectsV2")
	}
	most := 1000
	if v := r.q.Get("max-keys"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			return err
		}
		most = min(most, n)
	}
	token, err := base64.StdEncoding.DecodeString(r.q.Get("continuation-token")) // opaque: not a key, as at Amazon
	if err != nil {
		return err
	}
	l, err := s.List(r.Context(), blob.Query{Prefix: r.q.Get("prefix"), Deep: r.q.Get("delimiter") == "", Token: string(token), Max: most})
	if err != nil {
		return err
	}
	escape := func(key string) string { return key }
	out := listed{KeyCount: len(l.Objects) + len(l.Prefixes), IsTruncated: l.Next != ""}
	if r.q.Get("encoding-type") == "url" {
		escape, out.EncodingType = url.QueryEscape, "url"
	}
	if l.Next != "" {
		out.NextContinuationToken = base64.StdEncoding.EncodeToString([]byte(l.Next))
	}
	for _, o := range l.Objects {
		out.Contents = append(out.Contents, listedObject{escape(o.Key), quote(o.ETag), o.Modified.UTC().Format(time.RFC3339), o.Size})
	}
	for _, p := range l.Prefixes {
		out.CommonPrefixes = append(out.CommonPrefixes, listedPrefix{escape(p)})
	}
	answer(r.w, http.StatusOK, out)
	return nil
}
