package mount

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/spillway/spillway/nfs"
)

// Waits between repeats of a call that the server put off (NFS3ERR_JUKEBOX, RFC 1813 §2.6).
const (
	jukeboxFirst = 100 * time.Millisecond
	jukeboxMost  = 5 * time.Second
)

// silentAfter is how long a call waits before the log says so.
const silentAfter = 10 * time.Second

// patient makes a call and repeats it for as long as the server says that it is not ready yet; a soft mount gives up with
// [nfs.ErrTimeout] after Config.Soft, a hard one never.
func patient[R any](ctx context.Context, f *fileSystem, call func() (R, error)) (R, error) {
	began, wait := time.Now(), jukeboxFirst
	watch := time.AfterFunc(silentAfter, f.silence.noticed)
	defer func() {
		if !watch.Stop() {
			f.silence.ended()
		}
	}()
	for {
		res, err := call()
		if !errors.Is(err, nfs.ErrJukebox) {
			return res, err
		}
		if f.c.Soft > 0 && time.Since(began)+wait > f.c.Soft {
			return res, nfs.ErrTimeout
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return res, ctx.Err()
		}
		wait = min(2*wait, jukeboxMost)
	}
}

// silence tells the log once when calls wait for the server, and once when none does any more.
type silence struct {
	began, over func() // log
	waiting     atomic.Int64
}

func (s *silence) noticed() {
	if s.waiting.Add(1) == 1 {
		s.began()
	}
}

func (s *silence) ended() {
	if s.waiting.Add(-1) == 0 {
		s.over()
	}
}
