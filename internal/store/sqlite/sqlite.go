// Package sqlite keeps a farm in a SQLite database on a local disk: the store of a farm with one server.
//
// There is one writer. The database runs in WAL mode with synchronous=FULL, so what Commit has returned for survives a
// power cut, and readers do not wait for the writer.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

const (
	cacheKiB     = 64 << 10
	busyMillis   = 5000 // another process may hold the lock as long
	readers      = 4
	keepEvents   = 100_000
	mostAtOnce   = 10_000
	connectionOf = "_pragma=busy_timeout(%d)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=cache_size(-%d)"
)

// Store is a farm's database.
type Store struct {
	write   *sql.DB // one connection; its transactions take the write lock at once
	read    *sql.DB
	upserts map[string]*sql.Stmt // by table, on write
	deletes map[string]*sql.Stmt
	keep    uint64 // events
}

var _ store.Store = (*Store)(nil)

// Open opens the database at a path, which it creates, and brings its tables to this version's form. A database of a later
// version is Conflict; one that cannot be opened Unavailable.
func Open(ctx context.Context, path string) (*Store, error) {
	s := &Store{upserts: map[string]*sql.Stmt{}, deletes: map[string]*sql.Stmt{}, keep: keepEvents}
	file := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + fmt.Sprintf(connectionOf, busyMillis, cacheKiB)
	var err error
	if s.write, err = sql.Open("sqlite", file+"&_txlock=immediate"); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "database "+path)
	}
	s.write.SetMaxOpenConns(1)
	if s.read, err = sql.Open("sqlite", file+"&_pragma=query_only(1)"); err != nil {
		return nil, errors.Join(fault.Wrap(fault.Invalid, err, "database "+path), s.Close())
	}
	s.read.SetMaxOpenConns(readers)
	if err := s.migrate(ctx, path); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(fault.Wrap(fault.Unavailable, err, "database "+path), s.Close())
	}
	return s, nil
}

func (s *Store) migrate(ctx context.Context, path string) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, s.write, dir, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fault.Wrap(fault.Internal, err, "database "+path)
	}
	have, target, err := p.GetVersions(ctx)
	if err != nil {
		return fault.WithHint(fault.Wrap(fault.Unavailable, err, "database "+path),
			"it must be a file on a local disk that this user may write")
	}
	if have > target {
		return fault.WithHint(fault.New(fault.Conflict, "database %s is of a later version: its tables are at %d, this version knows %d", path, have, target),
			"run the later version, or restore a backup made before the upgrade")
	}
	if _, err := p.Up(ctx); err != nil {
		return fault.Wrap(fault.Unavailable, err, "database "+path+" cannot be brought to this version")
	}
	return nil
}

// Close closes the database.
func (s *Store) Close() error {
	var errs []error
	for _, statements := range []map[string]*sql.Stmt{s.upserts, s.deletes} {
		for _, st := range statements {
			errs = append(errs, st.Close())
		}
	}
	for _, db := range []*sql.DB{s.read, s.write} { // the writer last: it folds the log into the database
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// Lead takes leadership.
func (s *Store) Lead(ctx context.Context) (uint64, error) {
	var epoch uint64
	err := s.transact(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "UPDATE leader SET epoch = epoch + 1 WHERE id = 1 RETURNING epoch").Scan(&epoch)
	})
	if err != nil {
		return 0, fault.Wrap(fault.Unavailable, err, "take the leadership")
	}
	return epoch, nil
}

// transact runs fn in a write transaction. After an error nothing of it is written, unless the error is store.ErrUnknown.
func (s *Store) transact(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
			return errors.Join(err, rollback)
		}
		return err
	}
	switch err := tx.Commit(); {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrTxDone), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err // ctx ended before COMMIT was sent: database/sql has rolled back
	default:
		// SQLite may have failed before or after the log was synced: only reading it again tells.
		return errors.Join(store.ErrUnknown, err, ignoreDone(tx.Rollback()))
	}
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}
