package sqlite

import (
	"context"
	"fmt"
)

// LimitPages makes the database full at a size.
func (s *Store) LimitPages(ctx context.Context, pages int) error {
	_, err := s.write.ExecContext(ctx, fmt.Sprintf("PRAGMA max_page_count = %d", pages))
	return err
}

// KeepEvents sets how many events are kept.
func (s *Store) KeepEvents(n uint64) { s.keep = n }

// SetVersion pretends that the database was made by another version.
func (s *Store) SetVersion(ctx context.Context, version int64) error {
	_, err := s.write.ExecContext(ctx, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (?, 1)", version)
	return err
}
