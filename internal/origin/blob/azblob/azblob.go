// Package azblob is the adapter to Azure Blob Storage. It is the only place for its SDK.
//
// An object is a block blob. All conditions are held by the service, those of a DELETE too. An upload in parts has no state at
// the service but its blocks, whose names begin with the upload's id; blocks that are never committed are removed by the
// service after a week, or when the blob is written next.
package azblob

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	sdk "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin/blob"
)

// Config says which container and how.
type Config struct {
	Container  string
	Account    string
	Endpoint   string // "": https://ACCOUNT.blob.core.windows.net; else the URL of the account's blob service
	AccountKey string // in base64
	SAS        string // a token, with or without its "?"
	// Identity is what stands in for AccountKey and SAS; nil: the usual chain of environment, workload and machine.
	Identity azcore.TokenCredential
	Attempts int // of each request; 0: 6
	// Patience with a server that does not begin to answer; 0: 30 s.
	Patience time.Duration
}

// Store is a container.
type Store struct {
	c    *container.Client
	name string
	idle func()
}

var _ blob.Store = (*Store)(nil)

// Open prepares the client; it asks nothing of the service.
func Open(cfg Config) (*Store, error) {
	if cfg.Container == "" {
		return nil, fault.New(fault.Invalid, "an origin in Azure needs a container")
	}
	if cfg.Endpoint == "" {
		if cfg.Account == "" {
			return nil, fault.WithHint(fault.New(fault.Invalid, "of which storage account is container %s?", cfg.Container), "set azblob.account")
		}
		cfg.Endpoint = "https://" + cfg.Account + ".blob.core.windows.net"
	}
	at, err := url.Parse(cfg.Endpoint)
	if err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https" {
		return nil, fault.WithHint(fault.New(fault.Invalid, "endpoint %q is no URL", cfg.Endpoint), "for example https://weir.blob.core.windows.net")
	}
	if cfg.Attempts == 0 {
		cfg.Attempts = 6
	}
	if cfg.Patience == 0 {
		cfg.Patience = 30 * time.Second
	}
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		transport = &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	transport = transport.Clone()
	transport.MaxIdleConnsPerHost, transport.MaxIdleConns = 256, 256
	transport.ResponseHeaderTimeout = cfg.Patience
	common := policy.ClientOptions{
		Transport: &http.Client{Transport: transport},
		Retry:     policy.RetryOptions{MaxRetries: int32(cfg.Attempts) - 1, RetryDelay: 200 * time.Millisecond, MaxRetryDelay: 10 * time.Second},
	}
	if cfg.Attempts == 1 {
		common.Retry.MaxRetries = -1
	}
	c, err := dial(cfg, at.JoinPath(cfg.Container), common)
	if err != nil {
		return nil, err
	}
	return &Store{c: c, name: cfg.Container, idle: transport.CloseIdleConnections}, nil
}

// dial makes the client for the credentials that there are.
func dial(cfg Config, at *url.URL, common policy.ClientOptions) (*container.Client, error) {
	o := &container.ClientOptions{ClientOptions: common}
	var c *container.Client
	var err error
	switch {
	case cfg.AccountKey != "":
		var key *container.SharedKeyCredential
		if key, err = container.NewSharedKeyCredential(cfg.Account, cfg.AccountKey); err != nil {
			return nil, fault.WithHint(fault.New(fault.Invalid, "the account key is not base64"), "check azblob.accountKey") // err might show it
		}
		c, err = container.NewClientWithSharedKeyCredential(at.String(), key, o)
	case cfg.SAS != "":
		at.RawQuery = strings.TrimPrefix(cfg.SAS, "?")
		c, err = container.NewClientWithNoCredential(at.String(), o)
	case at.Scheme != "https":
		return nil, fault.WithHint(fault.New(fault.Invalid, "an identity is shown to an https endpoint only, not to %s", at.Redacted()),
			"set azblob.accountKey or azblob.sas, or the endpoint's https URL")
	default:
		who := cfg.Identity
		if who == nil {
			if who, err = azidentity.NewDefaultAzureCredential(nil); err != nil {
				break
			}
		}
		c, err = container.NewClient(at.String(), told{who}, o)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "client of Azure Blob Storage")
	}
	return c, nil
}

// Close closes idle connections.
func (s *Store) Close() error {
	s.idle()
	return nil
}

// Limits are those of the service ("Scalability and performance targets for Blob storage", "Naming and referencing
// containers, blobs, and metadata"): it takes a backslash for a slash, and may drop a dot at the end of a segment.
func (s *Store) Limits() blob.Limits {
	return blob.Limits{Key: 1024, Page: 5000, MinPart: 1 << 20, Parts: 50_000, Escape: `\.`}
}

func (s *Store) at(key string) *blockblob.Client { return s.c.NewBlockBlobClient(key) }

// Head asks Get Blob Properties.
func (s *Store) Head(ctx context.Context, key string) (blob.Object, error) {
	r, err := s.at(key).GetProperties(ctx, nil)
	if err != nil {
		return blob.Object{}, s.failed(err)
	}
	return blob.Object{
		Key: key, Size: value(r.ContentLength), ETag: bare(r.ETag), Modified: value(r.LastModified), HasProps: true,
		Props: props(r.Metadata, r.ContentType, r.ContentEncoding, r.ContentLanguage, r.ContentDisposition, r.CacheControl),
	}, nil
}

// Get asks Get Blob for a range.
func (s *Store) Get(ctx context.Context, key string, off, n int64, match string) (blob.Object, io.ReadCloser, error) {
	r, err := s.at(key).DownloadStream(ctx, &sdk.DownloadStreamOptions{
		Range: sdk.HTTPRange{Offset: off, Count: n}, AccessConditions: conditions(blob.Cond{Match: match}),
	})
	if err != nil {
		return blob.Object{}, nil, s.failed(err)
	}
	obj := blob.Object{
		Key: key, Size: value(r.ContentLength), ETag: bare(r.ETag), Modified: value(r.LastModified), HasProps: true,
		Props: props(r.Metadata, r.ContentType, r.ContentEncoding, r.ContentLanguage, r.ContentDisposition, r.CacheControl),
	}
	if _, total, ok := strings.Cut(value(r.ContentRange), "/"); ok {
		if obj.Size, err = strconv.ParseInt(total, 10, 64); err != nil {
			r.Body.Close()
			return obj, nil, fault.New(fault.Internal, "the service says the range %q", value(r.ContentRange))
		}
	}
	if off >= obj.Size { // the emulator answers with nothing
		r.Body.Close()
		return obj, nil, blob.ErrRange
	}
	return obj, r.Body, nil
}

// Delete asks Delete Blob.
func (s *Store) Delete(ctx context.Context, key, match string) error {
	with := sdk.DeleteSnapshotsOptionTypeInclude
	_, err := s.at(key).Delete(ctx, &sdk.DeleteOptions{DeleteSnapshots: &with, AccessConditions: conditions(blob.Cond{Match: match})})
	err = s.failed(err)
	if errors.Is(err, blob.ErrPrecondition) { // nothing fulfils no condition
		if _, headErr := s.Head(ctx, key); errors.Is(headErr, blob.ErrNotFound) {
			return nil
		}
	}
	if errors.Is(err, blob.ErrNotFound) {
		return nil
	}
	return err
}

// List asks List Blobs, with the metadata.
func (s *Store) List(ctx context.Context, q blob.Query) (l blob.Listing, err error) {
	var most *int32
	if q.Max > 0 {
		n := int32(q.Max)
		most = &n
	}
	include := container.ListBlobsInclude{Metadata: true}
	if q.Deep {
		p := s.c.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: set(q.Prefix), Marker: set(q.Token), MaxResults: most, Include: include})
		r, err := p.NextPage(ctx)
		if err != nil {
			return l, s.failed(err)
		}
		l.Next, l.Objects = value(r.NextMarker), objects(r.Segment.BlobItems)
		return l, nil
	}
	p := s.c.NewListBlobsHierarchyPager("/", &container.ListBlobsHierarchyOptions{
		Prefix: set(q.Prefix), Marker: set(q.Token), MaxResults: most, Include: include,
	})
	r, err := p.NextPage(ctx)
	if err != nil {
		return l, s.failed(err)
	}
	l.Next, l.Objects = value(r.NextMarker), objects(r.Segment.BlobItems)
	for _, prefix := range r.Segment.BlobPrefixes {
		l.Prefixes = append(l.Prefixes, value(prefix.Name))
	}
	return l, nil
}

func objects(items []*container.BlobItem) (out []blob.Object) {
	for _, it := range items {
		p := it.Properties
		out = append(out, blob.Object{
			Key: value(it.Name), Size: value(p.ContentLength), ETag: bare(p.ETag), Modified: value(p.LastModified), HasProps: true,
			Props: props(it.Metadata, p.ContentType, p.ContentEncoding, p.ContentLanguage, p.ContentDisposition, p.CacheControl),
		})
	}
	return out
}

// bare takes the quotes off an ETag, which listings leave out.
func bare(tag *azcore.ETag) string { return strings.Trim(string(value(tag)), `"`) }

func value[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func set(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func conditions(c blob.Cond) *sdk.AccessConditions {
	m := &sdk.ModifiedAccessConditions{}
	if c.Absent {
		any := azcore.ETagAny
		m.IfNoneMatch = &any
	}
	if c.Match != "" {
		m.IfMatch = tag(c.Match)
	}
	return &sdk.AccessConditions{ModifiedAccessConditions: m}
}

func tag(etag string) *azcore.ETag {
	t := azcore.ETag(`"` + etag + `"`)
	return &t
}

func props(meta map[string]*string, kind, encoding, language, disposition, cache *string) blob.Props {
	p := blob.Props{Meta: make(map[string]string, len(meta)), Headers: blob.Headers{
		ContentType: value(kind), Encoding: value(encoding), Language: value(language), Disposition: value(disposition), CacheControl: value(cache),
	}}
	for name, v := range meta {
		p.Meta[strings.ToLower(name)] = value(v)
	}
	return p
}

func metadata(p blob.Props) map[string]*string {
	m := make(map[string]*string, len(p.Meta))
	for name, v := range p.Meta {
		m[name] = &v
	}
	return m
}

func headers(p blob.Props) *sdk.HTTPHeaders {
	h := p.Headers
	return &sdk.HTTPHeaders{
		BlobContentType: set(h.ContentType), BlobContentEncoding: set(h.Encoding), BlobContentLanguage: set(h.Language),
		BlobContentDisposition: set(h.Disposition), BlobCacheControl: set(h.CacheControl),
	}
}
