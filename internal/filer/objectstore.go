package filer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/origin"
	"github.com/spillway/spillway/internal/origin/blob"
	"github.com/spillway/spillway/internal/origin/blob/azblob"
	"github.com/spillway/spillway/internal/origin/blob/s3"
)

// S3File says how to reach the bucket of an origin "s3:BUCKET/prefix".
type S3File struct {
	Endpoint string `yaml:"endpoint"` // "": Amazon's; else https://HOST, with the bucket in the path
	Region   string `yaml:"region"`
	// AccessKey and SecretKey are both given or neither: then the environment, the profile or this machine's role has them.
	AccessKey config.Ref `yaml:"accessKey"`
	SecretKey config.Ref `yaml:"secretKey"`
}

// AzBlobFile says how to reach the container of an origin "azblob:CONTAINER/prefix". With neither AccountKey nor SAS the
// environment, or this machine, has an identity.
type AzBlobFile struct {
	Account    string     `yaml:"account"`
	Endpoint   string     `yaml:"endpoint"` // "": https://ACCOUNT.blob.core.windows.net
	AccountKey config.Ref `yaml:"accountKey"`
	SAS        config.Ref `yaml:"sas"`
}

// Validate checks that there is one credential.
func (a *AzBlobFile) Validate() error {
	if a.AccountKey != "" && a.SAS != "" {
		return config.At("sas", fault.New(fault.Invalid, "accountKey and sas are two ways in: give one"))
	}
	return nil
}

// ObjectDefaults are the attributes of objects that others put into a bucket.
type ObjectDefaults struct {
	UID      uint32 `yaml:"uid"`
	GID      uint32 `yaml:"gid"`
	FileMode Mode   `yaml:"fileMode"` // 0644 unless said otherwise
	DirMode  Mode   `yaml:"dirMode"`  // 0755 unless said otherwise
}

// Mode is permission bits, in octal.
type Mode uint32

// UnmarshalText reads a Mode.
func (m *Mode) UnmarshalText(text []byte) error {
	v, err := strconv.ParseUint(string(text), 8, 32)
	if err != nil || v == 0 || v > 0o7777 {
		return fault.New(fault.Invalid, "want permission bits in octal, such as 0755, got %q", text)
	}
	*m = Mode(v)
	return nil
}

// Validate checks that keys come in pairs.
func (s *S3File) Validate() error {
	if (s.AccessKey == "") != (s.SecretKey == "") {
		return config.At("accessKey", fault.New(fault.Invalid, "accessKey and secretKey go together: give both, or neither"))
	}
	return nil
}

// keys reads the pair of keys where the file says it is; nil: elsewhere.
func (s *S3File) keys() func() (string, string, error) {
	if s.AccessKey == "" {
		return nil
	}
	return func() (string, string, error) {
		access, err := s.AccessKey.Resolve()
		if err != nil {
			return "", "", err
		}
		secret, err := s.SecretKey.Resolve()
		return access.Reveal(), secret.Reveal(), err
	}
}

// objectStore says whether the origin is a bucket.
func (e *ExportFile) objectStore() bool {
	return strings.HasPrefix(e.Origin, "s3:") || strings.HasPrefix(e.Origin, "azblob:")
}

// checkObjectStore checks what is said about a bucket, and that it is said of none else. key is where a mistake is.
func (e *ExportFile) checkObjectStore(kind, where string) (key string, err error) {
	if e.S3 != nil && kind != "s3" {
		return "s3", fault.New(fault.Invalid, "export %s: s3 is for an origin s3:BUCKET", e.Path)
	}
	if e.AzBlob != nil && kind != "azblob" {
		return "azblob", fault.New(fault.Invalid, "export %s: azblob is for an origin azblob:CONTAINER", e.Path)
	}
	if e.ObjectDefaults != nil && !e.objectStore() {
		return "objectDefaults", fault.New(fault.Invalid, "export %s: objectDefaults are for the objects of a bucket", e.Path)
	}
	if !e.objectStore() {
		return "", nil
	}
	bucket, prefix, _ := strings.Cut(where, "/")
	if bucket == "" || strings.Trim(prefix, "/") != prefix || strings.Contains(prefix, "//") || strings.ContainsAny(where, "?#\x00") {
		return "origin", fault.New(fault.Invalid, "export %s: origin %q is no bucket: want %s:BUCKET or, for what is below prefix/, %s:BUCKET/prefix",
			e.Path, e.Origin, kind, kind)
	}
	return "", nil
}

// target names the storage: exports of one target share its cache, and its name is part of what makes handles.
func (e *ExportFile) target() string {
	if at := e.endpoint(); at != "" {
		return e.Origin + "@" + at
	}
	return e.Origin
}

// endpoint says where the bucket's store is, as far as the configuration or the environment does: part of what makes the
// storage this one.
func (e *ExportFile) endpoint() string {
	at := ""
	switch {
	case strings.HasPrefix(e.Origin, "s3:"):
		if e.S3 != nil {
			at = e.S3.Endpoint
		}
		at = cmp.Or(at, os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"))
	case strings.HasPrefix(e.Origin, "azblob:"):
		if e.AzBlob != nil {
			at = cmp.Or(e.AzBlob.Endpoint, e.AzBlob.Account)
		}
		at = cmp.Or(at, os.Getenv("AZURE_STORAGE_ACCOUNT"))
	}
	return strings.TrimSuffix(at, "/")
}

// bucketPatience is how long a bucket may take to answer for the first time.
const bucketPatience = 10 * time.Second

// openBucket opens the bucket of an export. One that is refused (no such bucket, wrong keys, no right) is told at once; one
// that cannot be reached is waited for, as other storage is. It keeps files on their way below the cache directory.
func (c *File) openBucket(e *ExportFile, where string, p blob.Places, log *slog.Logger) (origin.Origin, error) {
	ctx, cancel := context.WithTimeout(context.Background(), bucketPatience)
	defer cancel()
	bucket, prefix, _ := strings.Cut(where, "/")
	store, err := e.dialBucket(ctx, bucket)
	if err != nil {
		return nil, fault.Wrap(fault.KindOf(err), err, "export "+e.Path)
	}
	sum := sha256.Sum256([]byte(e.target()))
	cfg := blob.Config{
		Store: store, Name: e.target(), Prefix: prefix, Places: p, Log: log,
		Dir: filepath.Join(c.CacheDir, "buckets", hex.EncodeToString(sum[:8])),
	}
	if d := e.ObjectDefaults; d != nil {
		cfg.Defaults = blob.Defaults{UID: d.UID, GID: d.GID, FileMode: uint32(d.FileMode), DirMode: uint32(d.DirMode)}
	}
	o, err := blob.Open(cfg)
	if err != nil {
		return nil, err
	}
	switch err := o.Probe(ctx); {
	case err == nil:
	case fault.KindOf(err) == fault.Unavailable && !errors.Is(err, blob.ErrNoBucket):
		log.Warn("the object store does not answer; clients wait for it", "origin", e.Origin, "error", err, "hint", fault.HintOf(err))
	default:
		return nil, errors.Join(fault.Wrap(fault.KindOf(err), err, "export "+e.Path), o.Close())
	}
	return o, nil
}

func (e *ExportFile) dialBucket(ctx context.Context, bucket string) (blob.Store, error) {
	if strings.HasPrefix(e.Origin, "azblob:") {
		return e.dialContainer(bucket)
	}
	cfg := s3.Config{Bucket: bucket, Endpoint: e.endpoint()}
	if f := e.S3; f != nil {
		cfg.Region, cfg.Keys = f.Region, f.keys()
	}
	return s3.Open(ctx, cfg)
}

// dialContainer takes what the configuration leaves out from the environment, by the names that Azure's tools use.
func (e *ExportFile) dialContainer(name string) (blob.Store, error) {
	cfg := azblob.Config{Container: name, Account: os.Getenv("AZURE_STORAGE_ACCOUNT")}
	if f := e.AzBlob; f != nil {
		cfg.Endpoint = f.Endpoint
		if f.Account != "" {
			cfg.Account = f.Account
		}
		for _, secret := range []struct {
			at config.Ref
			to *string
		}{{f.AccountKey, &cfg.AccountKey}, {f.SAS, &cfg.SAS}} {
			if secret.at == "" {
				continue
			}
			v, err := secret.at.Resolve()
			if err != nil {
				return nil, err
			}
			*secret.to = v.Reveal()
		}
	}
	if cfg.AccountKey == "" && cfg.SAS == "" {
		cfg.AccountKey, cfg.SAS = os.Getenv("AZURE_STORAGE_KEY"), os.Getenv("AZURE_STORAGE_SAS_TOKEN")
	}
	return azblob.Open(cfg)
}
