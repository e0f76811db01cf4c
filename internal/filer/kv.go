package filer

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/spillway/spillway/internal/fault"
)

// KV is an ordered key-value store on the cache disk. Safe for concurrent use.
type KV interface {
	// Get returns a copy of the value, or nil when the key is absent.
	Get(key []byte) ([]byte, error)
	// Apply makes all changes or none. With sync it returns when they are durable, together with everything applied
	// before.
	Apply(changes []Change, sync bool) error
	// Scan calls fn for each key with the prefix, in order; key and value are void after fn has returned.
	Scan(prefix []byte, fn func(key, value []byte) error) error
	// Metrics describes the store for people.
	Metrics() string
	Close() error
}

// Change sets a key, or deletes it when Value is nil.
type Change struct{ Key, Value []byte }

// pebbleKV is the KV of production.
type pebbleKV struct{ db *pebble.DB }

var _ KV = (*pebbleKV)(nil)

// indexCache is the memory for blocks of the store in bytes. Its memory tables, up to two, are taken out of it.
const indexCache = 160 << 20

// openKV opens or creates the store in dir; fs nil is the real file system.
func openKV(dir string, fs vfs.FS, log kvLog) (*pebbleKV, error) {
	cache := pebble.NewCache(indexCache)
	defer cache.Unref()
	filtered := pebble.LevelOptions{FilterPolicy: bloom.FilterPolicy(10)} // files seen for the first time are looked for in vain
	db, err := pebble.Open(dir, &pebble.Options{
		Cache: cache, FS: fs, Logger: log, FormatMajorVersion: pebble.FormatNewest, MemTableSize: 16 << 20,
		Levels: [7]pebble.LevelOptions{0: filtered, 1: filtered, 2: filtered, 3: filtered, 4: filtered, 5: filtered, 6: filtered},
	})
	if err != nil {
		return nil, fault.WithHint(fault.Wrap(fault.Unavailable, err, "open "+dir),
			"is another filer using this cache directory? A damaged cache may be deleted: handles of clients become stale, files on the storage are untouched")
	}
	return &pebbleKV{db}, nil
}

func (p *pebbleKV) Get(key []byte) ([]byte, error) {
	v, closer, err := p.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "cache index")
	}
	defer closer.Close()
	return append([]byte{}, v...), nil
}

func (p *pebbleKV) Apply(changes []Change, sync bool) error {
	if len(changes) == 0 {
		return nil
	}
	b := p.db.NewBatch()
	defer b.Close()
	for _, c := range changes {
		var err error
		if c.Value == nil {
			err = b.Delete(c.Key, nil)
		} else {
			err = b.Set(c.Key, c.Value, nil)
		}
		if err != nil {
			return fault.Wrap(fault.Internal, err, "cache index")
		}
	}
	how := pebble.NoSync
	if sync {
		how = pebble.Sync
	}
	return fault.Wrap(fault.Internal, b.Commit(how), "cache index")
}

func (p *pebbleKV) Scan(prefix []byte, fn func(key, value []byte) error) error {
	it, err := p.db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: prefixEnd(prefix)})
	if err != nil {
		return fault.Wrap(fault.Internal, err, "cache index")
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		if err := fn(it.Key(), it.Value()); err != nil {
			return err
		}
	}
	return fault.Wrap(fault.Internal, it.Error(), "cache index")
}

func (p *pebbleKV) Metrics() string { return p.db.Metrics().String() }

func (p *pebbleKV) Close() error { return p.db.Close() }

// prefixEnd returns the first key after all that start with prefix.
func prefixEnd(prefix []byte) []byte {
	end := append([]byte{}, prefix...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// kvLog passes the store's own messages on; its everyday news are for debugging.
type kvLog struct {
	log   *slog.Logger
	fatal func(msg string) // nil: the process ends
}

func (l kvLog) Infof(format string, args ...any)  { l.log.Debug(fmt.Sprintf(format, args...)) }
func (l kvLog) Errorf(format string, args ...any) { l.log.Error(fmt.Sprintf(format, args...)) }

// Fatalf is called when the log cannot be written: nothing may be promised any more, so the process ends and comes back
// with what is durable.
func (l kvLog) Fatalf(format string, args ...any) {
	msg := fmt.Sprintf(format, args...)
	l.log.Error("the cache index cannot be written, stopping", "error", msg)
	if l.fatal == nil {
		panic("cache index: " + msg)
	}
	l.fatal(msg)
}
