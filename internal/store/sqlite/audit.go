package sqlite

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
)

// Deeds returns lines of the audit, newest first.
func (s *Store) Deeds(ctx context.Context, q farm.DeedFilter) ([]farm.Deed, error) {
	if err := q.Validate(); err != nil {
		return nil, err
	}
	where, values := deedsWhere(&q)
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "read the audit")
	}
	var deeds []farm.Deed
	err = read(ctx, tx, "SELECT body FROM audit WHERE "+where+" ORDER BY id DESC LIMIT ?", &deeds, append(values, q.Limit)...)
	if rollback := ignoreDone(tx.Rollback()); err == nil {
		err = rollback
	}
	return deeds, fault.Wrap(fault.Unavailable, err, "read the audit")
}

// deedsWhere is DeedFilter.Fits in SQL.
func deedsWhere(q *farm.DeedFilter) (where string, values []any) {
	terms := []string{"1 = 1"}
	term := func(given bool, sql string, with ...any) {
		if given {
			terms, values = append(terms, sql), append(values, with...)
		}
	}
	nanos := func(t time.Time) any { return t.UnixNano() }
	term(q.Who != "", "who = ?", q.Who)
	// A text that begins with another one lies between it and the same with a later last byte.
	term(q.Did != "", "(did = ? OR did >= ? AND did < ?)", q.Did, q.Did+" ", q.Did+"!")
	term(q.On != "", "(target = ? OR target >= ? AND target < ?)", q.On, q.On+"/", q.On+"0")
	term(!q.Since.IsZero(), "at >= ?", nanos(q.Since))
	term(!q.Until.IsZero(), "at < ?", nanos(q.Until))
	term(q.Before != "", "id < ?", q.Before)
	return strings.Join(terms, " AND "), values
}
