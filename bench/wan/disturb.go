package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/spillway/spillway/nfs"
)

const (
	warmReaders = 4
	warmPiece   = 64 << 10
)

// disturb reads pieces of a warm file at random, one at a time in each of some clients, and says how long the slowest of a
// hundred took, while other clients read another file in order, each a part of it, at the pace that is given.
func disturb(ctx context.Context, t *task, m *meter) error {
	var mu sync.Mutex
	var took []time.Duration
	end := m.began.Add(t.length)
	all, ctx := errgroup.WithContext(ctx)
	open := func(name string) (*reader, nfs.LookupResult, error) {
		r, err := newReader(ctx, m)
		if err != nil {
			return nil, nfs.LookupResult{}, err
		}
		l, err := r.find(ctx, name)
		return r, l, err
	}
	for range warmReaders {
		all.Go(func() error {
			r, l, err := open(t.name)
			if err != nil {
				return err
			}
			defer r.nfs.Close()
			mine, err := r.sample(ctx, l, end)
			mu.Lock()
			took = append(took, mine...)
			mu.Unlock()
			return err
		})
	}
	for i := range t.clients {
		all.Go(func() error {
			r, l, err := open(t.other)
			if err != nil {
				return err
			}
			defer r.nfs.Close()
			part := int64(l.Attr.Attr.Size) / int64(t.clients) / piece * piece
			return r.paced(ctx, l.Object, int64(i)*part, part, t.pace/int64(t.clients), end)
		})
	}
	if err := all.Wait(); err != nil {
		return err
	}
	if len(took) == 0 {
		return fmt.Errorf("nothing was read")
	}
	slices.Sort(took)
	r := m.result(1)
	r.P50, r.P99 = took[len(took)/2], took[len(took)*99/100]
	return json.NewEncoder(os.Stdout).Encode(r)
}

// sample reads pieces at random until the end and returns how long each took.
func (r *reader) sample(ctx context.Context, l nfs.LookupResult, end time.Time) (took []time.Duration, err error) {
	b := make([]byte, warmPiece)
	for time.Now().Before(end) {
		off := rand.Int64N(int64(l.Attr.Attr.Size)/warmPiece) * warmPiece
		begin := time.Now()
		if n, err := r.piece(ctx, l.Object, off, b); err != nil || n != len(b) {
			return took, fmt.Errorf("%d of %d bytes: %w", n, len(b), err)
		}
		took = append(took, time.Since(begin))
	}
	return took, nil
}

// paced reads a part of a file over and over until the end, four pieces in flight, at most so many bytes a second.
func (r *reader) paced(ctx context.Context, h nfs.Handle, from, size, perSecond int64, end time.Time) error {
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(4)
	begin := time.Now()
	for at := int64(0); time.Now().Before(end) && ctx.Err() == nil; at += piece {
		if perSecond > 0 {
			<-time.After(time.Until(begin.Add(time.Duration(float64(at) / float64(perSecond) * float64(time.Second)))))
		}
		work.Go(func() error {
			n, err := r.piece(ctx, h, from+at%size, make([]byte, piece))
			r.m.add(n)
			return err
		})
	}
	return work.Wait()
}
