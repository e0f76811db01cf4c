package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/store"
)

// columns are each table's columns: its key, what is asked for, and the record. The second figure counts the key's.
var columns = map[string]struct {
	names string
	keys  int
}{
	"specs":     {"job, body", 1},
	"jobs":      {"id, state, body", 1},
	"steps":     {"job, step, body", 2},
	"attempts":  {"id, job, state, body", 1},
	"sessions":  {"id, body", 1},
	"nodes":     {"id, state, body", 1},
	"pools":     {"id, body", 1},
	"primings":  {"job, filer, body", 2},
	"decisions": {"id, body", 1},
	"limits":    {"id, body", 1},
	"queues":    {"id, body", 1},
	"budgets":   {"id, body", 1},
	"users":     {"id, body", 1},
	"uses":      {"hour, job, node, body", 3},
	"tokens":    {"id, body", 1},
	"audit":     {"id, at, who, did, target, body", 1},
	"events":    {"seq, body", 1},
}

func (s *Store) prepare(ctx context.Context) error {
	for table, c := range columns {
		names := strings.Split(c.names, ", ")
		var sets []string
		for _, n := range names[c.keys:] {
			sets = append(sets, n+" = excluded."+n)
		}
		upsert := fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s) ON CONFLICT (%s) DO UPDATE SET %s", table, c.names,
			strings.TrimSuffix(strings.Repeat("?, ", len(names)), ", "), strings.Join(names[:c.keys], ", "), strings.Join(sets, ", "))
		st, err := s.write.PrepareContext(ctx, upsert) //nolint:sqlclosecheck // Close closes it
		if err != nil {
			return err
		}
		s.upserts[table] = st
	}
	for _, table := range []string{"sessions", "decisions", "limits", "queues", "users", "tokens", "budgets"} {
		st, err := s.write.PrepareContext(ctx, "DELETE FROM "+table+" WHERE id = ?") //nolint:sqlclosecheck // Close closes it
		if err != nil {
			return err
		}
		s.deletes[table] = st
	}
	return nil
}

// Commit writes a batch.
func (s *Store) Commit(ctx context.Context, epoch uint64, batch farm.Batch) error {
	err := s.transact(ctx, func(tx *sql.Tx) error {
		var leader uint64
		if err := tx.QueryRowContext(ctx, "SELECT epoch FROM leader WHERE id = 1").Scan(&leader); err != nil {
			return err
		}
		if leader != epoch {
			return store.ErrDeposed
		}
		return s.put(ctx, tx, &batch)
	})
	if errors.Is(err, store.ErrDeposed) {
		return store.ErrDeposed
	}
	return fault.Wrap(fault.Unavailable, err, "write the farm's changes")
}

func (s *Store) put(ctx context.Context, tx *sql.Tx, b *farm.Batch) error {
	w := writer{ctx: ctx, tx: tx, store: s}
	for i := range b.Specs {
		w.upsert("specs", &b.Specs[i], string(b.Specs[i].Job))
	}
	for i := range b.Jobs {
		w.upsert("jobs", &b.Jobs[i], string(b.Jobs[i].ID), b.Jobs[i].State.String())
	}
	for i := range b.Steps {
		w.upsert("steps", &b.Steps[i], string(b.Steps[i].Job), b.Steps[i].StepRef.Step)
	}
	for i := range b.Attempts {
		a := &b.Attempts[i]
		w.upsert("attempts", a, string(a.ID), string(a.Unit.Job), a.State.String())
	}
	for i := range b.Sessions {
		w.upsert("sessions", &b.Sessions[i], string(b.Sessions[i].ID))
	}
	for i := range b.Nodes {
		w.upsert("nodes", &b.Nodes[i], string(b.Nodes[i].ID), b.Nodes[i].State.String())
	}
	for i := range b.Pools {
		w.upsert("pools", &b.Pools[i], string(b.Pools[i].ID))
	}
	for i := range b.Primings {
		w.upsert("primings", &b.Primings[i], string(b.Primings[i].Job), string(b.Primings[i].Filer))
	}
	for i := range b.Decisions {
		w.upsert("decisions", &b.Decisions[i], b.Decisions[i].ID)
	}
	for i := range b.Queues {
		w.upsert("queues", &b.Queues[i], string(b.Queues[i].ID))
	}
	for i := range b.Limits {
		w.upsert("limits", &b.Limits[i], string(b.Limits[i].ID))
	}
	for i := range b.Users {
		w.upsert("users", &b.Users[i], string(b.Users[i].ID))
	}
	for i := range b.APITokens {
		w.upsert("tokens", &b.APITokens[i], b.APITokens[i].ID)
	}
	for i := range b.Budgets {
		w.upsert("budgets", &b.Budgets[i], string(b.Budgets[i].ID))
	}
	for i := range b.Uses {
		u := &b.Uses[i]
		w.upsert("uses", u, u.Hour.Unix(), string(u.Job), string(u.Node))
	}
	for i := range b.Deeds {
		d := &b.Deeds[i]
		w.upsert("audit", d, d.ID, d.At.UnixNano(), d.Who, d.Did, d.On)
	}
	for i := range b.Events {
		w.upsert("events", &b.Events[i], b.Events[i].Seq)
	}
	for _, id := range b.EndedSessions {
		w.remove("sessions", string(id))
	}
	for _, id := range b.OldDecisions {
		w.remove("decisions", id)
	}
	for _, id := range b.OldQueues {
		w.remove("queues", string(id))
	}
	for _, id := range b.OldUsers {
		w.remove("users", string(id))
	}
	for _, id := range b.OldBudgets {
		w.remove("budgets", string(id))
	}
	for _, id := range b.OldAPITokens {
		w.remove("tokens", id)
	}
	for _, id := range b.OldLimits {
		w.remove("limits", string(id))
	}
	if n := len(b.Events); n > 0 && b.Events[n-1].Seq > s.keep && w.err == nil {
		_, w.err = tx.ExecContext(ctx, "DELETE FROM events WHERE seq <= ?", b.Events[n-1].Seq-s.keep)
	}
	return w.err
}

// writer writes records until the first error.
type writer struct {
	ctx   context.Context
	tx    *sql.Tx
	store *Store
	err   error
}

// upsert writes a record under its key and with its columns.
func (w *writer) upsert(table string, record any, values ...any) {
	if w.err != nil {
		return
	}
	body, err := json.Marshal(record)
	if err != nil {
		w.err = fmt.Errorf("%s %v: %w", table, values[0], err)
		return
	}
	st := w.tx.StmtContext(w.ctx, w.store.upserts[table]) //nolint:sqlclosecheck // the transaction's end closes it
	_, err = st.ExecContext(w.ctx, append(values, string(body))...)
	if err != nil {
		w.err = fmt.Errorf("%s %v: %w", table, values[0], err)
	}
}

func (w *writer) remove(table string, id any) {
	if w.err == nil {
		st := w.tx.StmtContext(w.ctx, w.store.deletes[table]) //nolint:sqlclosecheck // the transaction's end closes it
		_, w.err = st.ExecContext(w.ctx, id)
	}
}
