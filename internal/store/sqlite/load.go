package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
)

// Load returns all records as of one moment.
func (s *Store) Load(ctx context.Context) (*farm.Records, error) {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "read the farm")
	}
	r, err := load(ctx, tx)
	if rollback := ignoreDone(tx.Rollback()); err == nil {
		err = rollback
	}
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "read the farm")
	}
	return r, nil
}

func load(ctx context.Context, tx *sql.Tx) (*farm.Records, error) {
	r := &farm.Records{}
	err := errors.Join(
		read(ctx, tx, "SELECT body FROM specs ORDER BY job", &r.Specs),
		read(ctx, tx, "SELECT body FROM jobs ORDER BY id", &r.Jobs),
		read(ctx, tx, "SELECT body FROM steps ORDER BY job, step", &r.Steps),
		read(ctx, tx, "SELECT body FROM attempts ORDER BY id", &r.Attempts),
		read(ctx, tx, "SELECT body FROM sessions ORDER BY id", &r.Sessions),
		read(ctx, tx, "SELECT body FROM nodes ORDER BY id", &r.Nodes),
		read(ctx, tx, "SELECT body FROM pools ORDER BY id", &r.Pools),
		read(ctx, tx, "SELECT body FROM primings ORDER BY job, filer", &r.Primings),
		read(ctx, tx, "SELECT body FROM decisions ORDER BY id", &r.Decisions),
		read(ctx, tx, "SELECT body FROM limits ORDER BY id", &r.Limits),
		read(ctx, tx, "SELECT body FROM queues ORDER BY id", &r.Queues),
		read(ctx, tx, "SELECT body FROM budgets ORDER BY id", &r.Budgets),
		read(ctx, tx, "SELECT body FROM uses WHERE hour = (SELECT max(hour) FROM uses) ORDER BY job, node", &r.Uses),
		read(ctx, tx, "SELECT body FROM users ORDER BY id", &r.Users),
		read(ctx, tx, "SELECT body FROM tokens ORDER BY id", &r.APITokens),
		tx.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM events").Scan(&r.LastSeq),
	)
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Events returns the history after a sequence number.
func (s *Store) Events(ctx context.Context, after uint64, limit int) ([]farm.Event, error) {
	if limit < 1 || limit > mostAtOnce {
		return nil, fault.New(fault.Invalid, "%d events at once, 1 to %d are allowed", limit, mostAtOnce)
	}
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "read the history")
	}
	var events []farm.Event
	err = read(ctx, tx, fmt.Sprintf("SELECT body FROM events WHERE seq > %d ORDER BY seq LIMIT %d", int64(min(after, 1<<62)), limit), &events)
	if rollback := ignoreDone(tx.Rollback()); err == nil {
		err = rollback
	}
	return events, fault.Wrap(fault.Unavailable, err, "read the history")
}

// read appends the records that a query gives.
func read[T any](ctx context.Context, tx *sql.Tx, query string, into *[]T, values ...any) error {
	rows, err := tx.QueryContext(ctx, query, values...)
	if err != nil {
		return fmt.Errorf("%s: %w", query, err)
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what matters
	for rows.Next() {
		var body sql.RawBytes
		if err := rows.Scan(&body); err != nil {
			return fmt.Errorf("%s: %w", query, err)
		}
		var record T
		if err := json.Unmarshal(body, &record); err != nil {
			return fmt.Errorf("%s: a record cannot be read: %w", query, err)
		}
		*into = append(*into, record)
	}
	return rows.Err()
}
