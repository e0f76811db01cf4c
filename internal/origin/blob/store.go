package blob

import (
	"context"
	"errors"
	"io"
	"time"
)

// What a store answers, besides errors that carry a fault.Kind (Unavailable, Denied, Exhausted, Invalid).
var (
	ErrNotFound     = errors.New("no such object")
	ErrPrecondition = errors.New("the object is not in the state that was asked for")
	ErrRange        = errors.New("the range begins beyond the end of the object")
	// ErrNoBucket comes with fault.Unavailable: nothing is known of the objects, so none is taken for gone.
	ErrNoBucket = errors.New("there is no such bucket")
)

// Store is a bucket. Implementations retry what is safe to retry, and are safe for concurrent use. A call that ends with
// fault.Unavailable may have taken effect.
type Store interface {
	// Head describes an object; ErrNotFound.
	Head(ctx context.Context, key string) (Object, error)
	// Get reads n bytes (1 or more) from off, fewer at the end, of the version with the ETag match ("": whichever is
	// there), and describes that version. ErrNotFound, ErrPrecondition, ErrRange.
	Get(ctx context.Context, key string, off, n int64, match string) (Object, io.ReadCloser, error)
	// Put replaces an object. The result has Key, Size, ETag and Props.
	Put(ctx context.Context, key string, body io.ReadSeeker, size int64, p Props, c Cond) (Object, error)
	// Copy makes the object to from the version from.ETag of from.Key, with properties of its own; from.Size is its
	// size. To may be from.Key. ErrNotFound or ErrPrecondition when that version is no longer there.
	Copy(ctx context.Context, from Object, to string, p Props, c Cond) (Object, error)
	// Delete removes the version with the ETag match. An object that is not there is no error. A store that cannot
	// delete on condition compares just before it deletes.
	Delete(ctx context.Context, key, match string) error
	// List returns a page of keys in the order of their bytes.
	List(ctx context.Context, q Query) (Listing, error)
	// Limits says what the store can take. It does not change.
	Limits() Limits

	Uploads
}

// Uploads are objects put in parts.
type Uploads interface {
	// Begin starts an upload and returns its id.
	Begin(ctx context.Context, key string, p Props) (id string, err error)
	// Part stores part n, from 1, and returns its tag. Parts may run in parallel and be repeated.
	Part(ctx context.Context, key, id string, n int, body io.ReadSeeker, size int64) (tag string, err error)
	// Complete makes the object of all parts, in the order of their tags, if the condition holds then.
	Complete(ctx context.Context, key, id string, tags []string, p Props, c Cond) (Object, error)
	// Abort forgets an upload and its parts. One that is not there is no error.
	Abort(ctx context.Context, key, id string) error
}

// Object is a version of an object.
type Object struct {
	Key      string
	Size     int64
	ETag     string    // without quotes; names the version
	Modified time.Time // by the store's clock; zero where a call does not say
	Props    Props
	HasProps bool // listings of some stores leave Props out
}

// Props are what is kept with an object besides its bytes.
type Props struct {
	Meta    map[string]string // names in lower case, letters only where they are ours; values are printable ASCII
	Headers Headers
}

// Headers are the HTTP headers that an object is served with.
type Headers struct{ ContentType, Encoding, Language, Disposition, CacheControl string }

// Cond is what must hold of the object that is to be replaced; the zero Cond holds always.
type Cond struct {
	Absent bool   // there is none
	Match  string // its version has this ETag
}

// Query asks for keys.
type Query struct {
	Prefix string
	Deep   bool   // all keys; else what follows the next "/" is folded into prefixes
	Token  string // a Listing's Next; "": from the start
	Max    int    // most keys and prefixes in a page; 0: the store's own
}

// Listing is a page of keys.
type Listing struct {
	Objects  []Object
	Prefixes []string // each ends in "/"
	Next     string   // "": this was the last page
}

// Limits are a store's.
type Limits struct {
	Key     int   // bytes in a key
	Page    int   // keys in a page
	MinPart int64 // bytes, of all parts but the last
	Parts   int   // in an upload
	// Escape holds characters besides control characters that the store does not keep as they are; a "." in it means
	// one at the end of a name.
	Escape string
}
