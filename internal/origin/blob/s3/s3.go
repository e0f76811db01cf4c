// Package s3 is the adapter to Amazon S3 and what speaks its protocol. It is the only place for the AWS SDK.
//
// Conditions (If-Match, If-None-Match) go out with every request that has them. Amazon S3 holds them for PUT, complete,
// copy and delete; a store that ignores one leaves a window between the origin's look and its change.
package s3

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin/blob"
)

// Config says which bucket and how.
type Config struct {
	Bucket   string
	Region   string // "": from the environment, or us-east-1
	Endpoint string // "": Amazon's; else the URL of another store, with the bucket in the path
	// Keys returns an access key and its secret, and is asked again every minute; nil: the usual chain of environment,
	// profile and instance role.
	Keys      func() (accessKey, secretKey string, err error)
	Attempts  int           // of each request; 0: 6
	Patience  time.Duration // with a server that does not begin to answer; 0: 30 s
	CopyLimit int64         // larger objects are copied in parts of this size; 0: 5 GiB
}

// Store is a bucket.
type Store struct {
	c         *sdk.Client
	bucket    string
	copyLimit int64
	idle      func()
}

var _ blob.Store = (*Store)(nil)

// Open prepares the client; it asks nothing of the store.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Bucket == "" {
		return nil, fault.New(fault.Invalid, "an S3 origin needs a bucket")
	}
	if u, err := url.Parse(cfg.Endpoint); cfg.Endpoint != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return nil, fault.WithHint(fault.New(fault.Invalid, "endpoint %q is no URL", cfg.Endpoint), "for example https://s3.studio.example")
	}
	if cfg.Attempts == 0 {
		cfg.Attempts = 6
	}
	if cfg.Patience == 0 {
		cfg.Patience = 30 * time.Second
	}
	if cfg.CopyLimit == 0 {
		cfg.CopyLimit = 5 << 30
	}
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost, t.MaxIdleConns = 256, 256
		t.ResponseHeaderTimeout = cfg.Patience
	})
	options := []func(*config.LoadOptions) error{
		config.WithHTTPClient(client),
		config.WithRetryer(func() aws.Retryer {
			return retry.NewStandard(func(o *retry.StandardOptions) {
				o.MaxAttempts, o.RateLimiter = cfg.Attempts, ratelimit.None
			})
		}),
		// Checksums of the newer kind confuse stores that are not Amazon's; bodies are signed with their SHA-256.
		config.WithRequestChecksumCalculation(aws.RequestChecksumCalculationWhenRequired),
		config.WithResponseChecksumValidation(aws.ResponseChecksumValidationWhenRequired),
	}
	if cfg.Region != "" {
		options = append(options, config.WithRegion(cfg.Region))
	}
	if cfg.Keys != nil {
		options = append(options, config.WithCredentialsProvider(keys(cfg.Keys)))
	}
	c, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "configuration of the S3 client")
	}
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	c.Credentials = told{c.Credentials}
	api := sdk.NewFromConfig(c, func(o *sdk.Options) {
		if cfg.Endpoint != "" {
			o.BaseEndpoint = &cfg.Endpoint
		}
		o.UsePathStyle = o.BaseEndpoint != nil // also one of the profile's
	})
	if resolved, ok := c.HTTPClient.(*awshttp.BuildableClient); ok { // which trusts AWS_CA_BUNDLE too
		client = resolved
	}
	return &Store{c: api, bucket: cfg.Bucket, copyLimit: cfg.CopyLimit, idle: func() { client.GetTransport().CloseIdleConnections() }}, nil
}

// Close closes idle connections.
func (s *Store) Close() error {
	s.idle()
	return nil
}

// Limits are those of the S3 API.
func (s *Store) Limits() blob.Limits {
	return blob.Limits{Key: 1024, Page: 1000, MinPart: 5 << 20, Parts: 10_000}
}

// Head asks HeadObject.
func (s *Store) Head(ctx context.Context, key string) (blob.Object, error) {
	r, err := s.c.HeadObject(ctx, &sdk.HeadObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return blob.Object{}, s.failed(err)
	}
	return blob.Object{
		Key: key, Size: aws.ToInt64(r.ContentLength), ETag: bare(r.ETag), Modified: aws.ToTime(r.LastModified), HasProps: true,
		Props: props(r.Metadata, r.ContentType, r.ContentEncoding, r.ContentLanguage, r.ContentDisposition, r.CacheControl),
	}, nil
}

// Get asks GetObject for a range.
func (s *Store) Get(ctx context.Context, key string, off, n int64, match string) (blob.Object, io.ReadCloser, error) {
	in := &sdk.GetObjectInput{Bucket: &s.bucket, Key: &key, IfMatch: quoted(match)}
	in.Range = aws.String("bytes=" + strconv.FormatInt(off, 10) + "-" + strconv.FormatInt(off+n-1, 10))
	r, err := s.c.GetObject(ctx, in)
	if err != nil {
		return blob.Object{}, nil, s.failed(err)
	}
	obj := blob.Object{
		Key: key, Size: aws.ToInt64(r.ContentLength), ETag: bare(r.ETag), Modified: aws.ToTime(r.LastModified), HasProps: true,
		Props: props(r.Metadata, r.ContentType, r.ContentEncoding, r.ContentLanguage, r.ContentDisposition, r.CacheControl),
	}
	_, total, ok := strings.Cut(aws.ToString(r.ContentRange), "/")
	switch size, err := strconv.ParseInt(total, 10, 64); {
	case ok && err == nil:
		obj.Size = size
	case obj.Size == 0 && off == 0: // some answer an empty object whole
		r.Body.Close()
		return obj, nil, blob.ErrRange
	case off > 0 || obj.Size > n: // a whole answer to a question for a part
		r.Body.Close()
		return obj, nil, fault.New(fault.Internal, "the object store ignores ranges")
	}
	return obj, r.Body, nil
}

// Put asks PutObject.
func (s *Store) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, p blob.Props, c blob.Cond) (blob.Object, error) {
	match, none := conditions(c)
	h := p.Headers
	r, err := s.c.PutObject(ctx, &sdk.PutObjectInput{
		Bucket: &s.bucket, Key: &key, Body: body, ContentLength: &size, Metadata: p.Meta, IfMatch: match, IfNoneMatch: none,
		ContentType: set(h.ContentType), ContentEncoding: set(h.Encoding), ContentLanguage: set(h.Language),
		ContentDisposition: set(h.Disposition), CacheControl: set(h.CacheControl),
	})
	if err != nil {
		return blob.Object{}, s.failed(err)
	}
	return blob.Object{Key: key, Size: size, ETag: bare(r.ETag), Props: p, HasProps: true}, nil
}

// Copy asks CopyObject, or copies in parts what is too large for it.
func (s *Store) Copy(ctx context.Context, from blob.Object, to string, p blob.Props, c blob.Cond) (blob.Object, error) {
	if from.Size > s.copyLimit {
		return s.copyParts(ctx, from, to, p, c)
	}
	match, none := conditions(c)
	h := p.Headers
	r, err := s.c.CopyObject(ctx, &sdk.CopyObjectInput{
		Bucket: &s.bucket, Key: &to, CopySource: s.source(from.Key), CopySourceIfMatch: quoted(from.ETag), IfMatch: match, IfNoneMatch: none,
		MetadataDirective: types.MetadataDirectiveReplace, Metadata: p.Meta,
		ContentType: set(h.ContentType), ContentEncoding: set(h.Encoding), ContentLanguage: set(h.Language),
		ContentDisposition: set(h.Disposition), CacheControl: set(h.CacheControl),
	})
	if err != nil {
		return blob.Object{}, s.failed(err)
	}
	if r.CopyObjectResult == nil || r.CopyObjectResult.ETag == nil {
		return s.Head(ctx, to)
	}
	return blob.Object{Key: to, Size: from.Size, ETag: bare(r.CopyObjectResult.ETag), Props: p, HasProps: true}, nil
}

func (s *Store) source(key string) *string { return aws.String(s.bucket + "/" + escapeKey(key)) }

// escapeKey escapes all that is not plain, and keeps "/".
func escapeKey(key string) string {
	parts := strings.Split(key, "/")
	for i := range parts {
		parts[i] = strings.ReplaceAll(url.QueryEscape(parts[i]), "+", "%20")
	}
	return strings.Join(parts, "/")
}

// Delete asks DeleteObject.
func (s *Store) Delete(ctx context.Context, key, match string) error {
	_, err := s.c.DeleteObject(ctx, &sdk.DeleteObjectInput{Bucket: &s.bucket, Key: &key, IfMatch: quoted(match)})
	if err = s.failed(err); isNotFound(err) {
		return nil
	}
	return err
}

// List asks ListObjectsV2.
func (s *Store) List(ctx context.Context, q blob.Query) (l blob.Listing, err error) {
	in := &sdk.ListObjectsV2Input{Bucket: &s.bucket, Prefix: set(q.Prefix), ContinuationToken: set(q.Token), EncodingType: types.EncodingTypeUrl}
	if !q.Deep {
		in.Delimiter = aws.String("/")
	}
	if q.Max > 0 {
		in.MaxKeys = aws.Int32(int32(q.Max))
	}
	r, err := s.c.ListObjectsV2(ctx, in)
	if err != nil {
		return l, s.failed(err)
	}
	unescape := func(s *string) string { return aws.ToString(s) }
	if r.EncodingType == types.EncodingTypeUrl {
		unescape = func(s *string) string {
			if plain, err := url.QueryUnescape(aws.ToString(s)); err == nil {
				return plain
			}
			return aws.ToString(s)
		}
	}
	for i := range r.Contents {
		o := &r.Contents[i]
		l.Objects = append(l.Objects, blob.Object{
			Key: unescape(o.Key), Size: aws.ToInt64(o.Size), ETag: bare(o.ETag), Modified: aws.ToTime(o.LastModified),
		})
	}
	for i := range r.CommonPrefixes {
		l.Prefixes = append(l.Prefixes, unescape(r.CommonPrefixes[i].Prefix))
	}
	if aws.ToBool(r.IsTruncated) {
		l.Next = aws.ToString(r.NextContinuationToken)
	}
	return l, nil
}

// bare takes the quotes off an ETag.
func bare(etag *string) string { return strings.Trim(aws.ToString(etag), `"`) }

func quoted(etag string) *string {
	if etag == "" {
		return nil
	}
	return aws.String(`"` + etag + `"`)
}

func set(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func conditions(c blob.Cond) (match, none *string) {
	if c.Absent {
		none = aws.String("*")
	}
	return quoted(c.Match), none
}

func props(meta map[string]string, kind, encoding, language, disposition, cache *string) blob.Props {
	p := blob.Props{Meta: make(map[string]string, len(meta)), Headers: blob.Headers{
		ContentType: aws.ToString(kind), Encoding: aws.ToString(encoding), Language: aws.ToString(language),
		Disposition: aws.ToString(disposition), CacheControl: aws.ToString(cache),
	}}
	for name, value := range meta {
		p.Meta[strings.ToLower(name)] = value
	}
	return p
}
