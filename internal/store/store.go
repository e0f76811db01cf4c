// Package store defines what the server needs of a database: one transaction per batch of the farm's changes, under a
// leader's epoch. The adapters are in sqlite and memory; storetest is the suite that both pass.
package store

import (
	"context"
	"errors"
	"time"

	"github.com/spillway/spillway/internal/farm"
)

// Store keeps a farm's records and its history. All methods may be called at the same time, Commit by one caller only.
type Store interface {
	// Lead takes leadership: it raises the epoch, durably, and returns it. Whoever led before is deposed.
	Lead(ctx context.Context) (epoch uint64, err error)

	// Load returns all records as of one moment.
	Load(ctx context.Context) (*farm.Records, error)

	// Commit writes a batch in one transaction. ErrDeposed: another leader has taken over. An error that is ErrUnknown
	// leaves open whether the batch is written; after any other error nothing of it is. After every error the caller
	// discards its farm and loads again.
	Commit(ctx context.Context, epoch uint64, batch farm.Batch) error

	// Events returns the history after a sequence number, oldest first, at most limit (1 to 10,000). History is kept for a
	// while only: the first event returned may be later than after+1.
	Events(ctx context.Context, after uint64, limit int) ([]farm.Event, error)

	// Deeds returns lines of the audit, newest first. They are kept for good.
	Deeds(ctx context.Context, q farm.DeedFilter) ([]farm.Deed, error)

	// Uses returns the ledger of work: what was used in the hours that begin at from or later and before to, oldest first.
	Uses(ctx context.Context, from, to time.Time) ([]farm.Use, error)

	// Close ends all use. What was committed stays.
	Close() error
}

var (
	// ErrDeposed is returned to a leader whose epoch is not the last one.
	ErrDeposed = errors.New("another server has taken over the leadership")
	// ErrUnknown means that a transaction may or may not have been committed.
	ErrUnknown = errors.New("the outcome of the commit is unknown")
)
