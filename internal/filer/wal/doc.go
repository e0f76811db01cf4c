// Package wal is a write-ahead log on a local disk: what Wait has confirmed is there after any crash.
//
// The log is a ring of preallocated segment files that are overwritten, so that a commit moves data and nothing of the
// file system's own. Records get consecutive sequence numbers and are written in batches; one fdatasync makes all that
// wait durable (group commit). A batch is one unit with one checksum: a torn one counts as never written, and nothing
// of it was confirmed. docs/formats/write-back-log.md is the format.
//
// A failed write or sync poisons the log: what the disk then holds is unknown, and a sync that succeeds later proves
// nothing about the pages that failed. Every waiter and every later Append gets the error; only Open, which reads what
// is really there, starts again.
//
// Space is bounded. Append refuses with ErrFull while a reserve is left, which AppendReserved may use; Release gives
// segments back, once their records have been applied elsewhere.
package wal
