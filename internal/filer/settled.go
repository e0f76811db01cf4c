package filer

import (
	"errors"

	"github.com/spillway/spillway/internal/filer/wal"
	"github.com/spillway/spillway/nfs"
)

// settled is what makes a landing final. A crash brings back what the log and the index call dirty, as it was when it was
// last made durable, and it lands once more. That is older than what clients were told of: unstable writes that have
// landed meanwhile are not in it, and its size cuts them off. So before anything is promised of a file that has landed, by
// a COMMIT, a receipt or a fence, the record that says so must be durable. Guarded by writeBack.mu.
type settled struct {
	seq         uint64 // of the latest such record
	missing     uint64 // the checkpoint that makes up for those the log had no room for; 0: none is missing
	checkpoints uint64 // begun
}

// landed notes what came of appending a record that says what has landed.
func (w *writeBack) landed(seq uint64, err error) {
	if err != nil {
		w.logFailed(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.settled.missing = w.settled.checkpoints + 1
		return
	}
	w.settled.seq = max(w.settled.seq, seq)
}

// waitLanded returns when a crash brings nothing back that has landed until now. JUKEBOX: the log has no room.
func (w *writeBack) waitLanded() error {
	w.mu.Lock()
	seq, missing, err := w.settled.seq, w.settled.missing != 0, w.err
	w.mu.Unlock()
	switch {
	case err != nil:
		return err
	case missing:
		w.wake()
		return nfs.ErrJukebox
	case seq == 0:
		return nil
	}
	return w.wait(seq)
}

// checkpointBegins counts the checkpoint; what lands from now on, it may miss.
func (w *writeBack) checkpointBegins() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settled.checkpoints++
	return w.settled.checkpoints
}

// checkpointEnds notes that the checkpoint is durable.
func (w *writeBack) checkpointEnds(number uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.settled.missing <= number {
		w.settled.missing = 0
	}
}

// logFailed deals with an append that failed: a full log is made room in, a poisoned one takes nothing any more.
func (w *writeBack) logFailed(err error) {
	switch {
	case errors.Is(err, wal.ErrFull):
		w.wake()
	case errors.Is(err, wal.ErrClosed), errors.Is(err, wal.ErrTooLarge):
	default:
		w.breakdown(err)
	}
}
