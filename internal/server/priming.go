package server

import (
	"context"
	"fmt"
	"time"

	"connectrpc.com/connect"

	filerv1 "github.com/spillway/spillway/api/spillway/filer/v1"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/effect"
)

const (
	warmWithin    = 30 * time.Second       // then a task starts all the same, and reads what it needs on demand
	progressEvery = 500 * time.Millisecond // at most so often does the farm hear of a priming's progress
	primeTries    = 5                      // then nodes are woken all the same
)

// priming loads a job's shared assets into a filer.
func (s *Server) priming(o farm.OwedPriming) effect.Effect {
	return effect.Effect{
		Key:  fmt.Sprintf("prime/%s/%s", o.Job, o.Filer),
		Lane: "prime/" + string(o.Filer),
		Do: func(ctx context.Context) error {
			var told time.Time
			last, err := s.prime(ctx, o.Filer, o.Paths, "job/"+string(o.Job), func(p *filerv1.PrimeProgress) {
				if time.Since(told) >= progressEvery || p.GetDone() {
					told = time.Now()
					s.tell(ctx, farm.PrimingProgress{
						Job: o.Job, Filer: o.Filer, Files: p.GetFilesTotal(), FilesDone: p.GetFilesDone(),
						Bytes: p.GetBytesTotal(), BytesDone: p.GetBytesDone(),
					})
				}
			})
			if err != nil {
				return err
			}
			_, err = s.loop.Do(ctx, farm.PrimingEnded{Job: o.Job, Filer: o.Filer, Problem: problemOf(last)})
			return err
		},
		Failed: func(ctx context.Context, tries int, err error) {
			if tries >= primeTries {
				s.tell(ctx, farm.PrimingEnded{Job: o.Job, Filer: o.Filer, Problem: err.Error()})
			}
		},
	}
}

// warming loads what one task reads and no other does, before it is ordered. It is a courtesy: whatever goes wrong, the
// task is ordered.
func (s *Server) warming(o farm.OwedWarming) effect.Effect {
	return effect.Effect{
		Key:  "warm/" + string(o.Attempt),
		Lane: "warm/" + string(o.Site),
		Do: func(ctx context.Context) error {
			call, cancel := context.WithTimeout(ctx, warmWithin)
			defer cancel()
			problem := ""
			for filer, paths := range byFiler(o) {
				last, err := s.prime(call, filer, paths, "job/"+string(o.Job), func(*filerv1.PrimeProgress) {})
				if err != nil {
					problem = err.Error()
				} else if text := problemOf(last); text != "" {
					problem = text
				}
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			_, err := s.loop.Do(ctx, farm.WarmDone{Attempt: o.Attempt, Problem: problem})
			return err
		},
	}
}

func byFiler(o farm.OwedWarming) map[farm.FilerID][]farm.StoragePath {
	out := map[farm.FilerID][]farm.StoragePath{}
	for _, p := range o.Inputs {
		if filer := o.Filers[p.Location]; filer != "" {
			out[filer] = append(out[filer], p)
		}
	}
	return out
}

// prime runs one priming to its end and returns its last word.
func (s *Server) prime(ctx context.Context, name farm.FilerID, paths []farm.StoragePath, cause string, progress func(*filerv1.PrimeProgress)) (*filerv1.PrimeProgress, error) {
	client, filer, err := s.filers.get(name)
	if err != nil {
		return nil, err
	}
	req := &filerv1.PrimeRequest{Cause: cause}
	for _, p := range paths {
		req.Paths = append(req.Paths, filer.filerPath(p))
	}
	stream, err := client.Prime(ctx, connect.NewRequest(req))
	if err != nil {
		return nil, filerFault(name, err)
	}
	defer stream.Close()
	for stream.Receive() {
		p := stream.Msg()
		progress(p)
		if p.GetDone() {
			return p, nil
		}
	}
	if err := stream.Err(); err != nil {
		return nil, filerFault(name, err)
	}
	return nil, fault.New(fault.Unavailable, "filer %s ended a priming without a last word", name)
}

// problemOf says what a priming could not load.
func problemOf(p *filerv1.PrimeProgress) string {
	errs := p.GetErrors()
	if len(errs) == 0 {
		return ""
	}
	text := fmt.Sprintf("%s: %s", errs[0].GetPath(), errs[0].GetMessage())
	if len(errs) > 1 {
		text += fmt.Sprintf(" (and %d more)", len(errs)-1)
	}
	return text
}
