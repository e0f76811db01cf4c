package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
)

// Uses returns the ledger of work of a time.
func (s *Store) Uses(ctx context.Context, from, to time.Time) ([]farm.Use, error) {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "read the ledger")
	}
	var uses []farm.Use
	err = read(ctx, tx, "SELECT body FROM uses WHERE hour >= ? AND hour < ? ORDER BY hour, job, node", &uses, seconds(from), seconds(to))
	if rollback := ignoreDone(tx.Rollback()); err == nil {
		err = rollback
	}
	return uses, fault.Wrap(fault.Unavailable, err, "read the ledger")
}

// seconds is the first whole second at or after a time, since 1970.
func seconds(t time.Time) int64 { return t.Add(time.Second - 1).Unix() }
