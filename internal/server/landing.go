package server

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"connectrpc.com/connect"

	filerv1 "github.com/spillway/spillway/api/spillway/filer/v1"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/effect"
)

// flushWithin bounds one try of a flush; a filer that needs longer is asked again and has less left to do.
const flushWithin = 2 * time.Minute

// landing has a filer land the outputs of an attempt and brings the receipts to the farm, which compares them with what the
// node reported.
func (s *Server) landing(o farm.OwedFlush) effect.Effect {
	return effect.Effect{
		Key:  fmt.Sprintf("land/%s/%s", o.Attempt, o.Filer),
		Lane: "land/" + string(o.Filer),
		Do:   func(ctx context.Context) error { return s.land(ctx, o) },
		Failed: func(ctx context.Context, tries int, err error) {
			if often(tries) {
				s.tell(ctx, farm.LandingFailed{Attempt: o.Attempt, Reason: "waits for its files to land: " + err.Error(), Outcome: farm.LandingWaits})
			}
		},
	}
}

func (s *Server) land(ctx context.Context, o farm.OwedFlush) error {
	client, filer, err := s.filers.get(o.Filer)
	if err != nil {
		return err
	}
	req := &filerv1.FlushRequest{Epoch: s.loop.Epoch()}
	byPath := map[string]farm.StoragePath{}
	for _, p := range o.Paths {
		path := filer.filerPath(p)
		req.Paths = append(req.Paths, path)
		byPath[path] = p
	}
	call, cancel := context.WithTimeout(ctx, flushWithin)
	defer cancel()
	res, err := client.Flush(call, connect.NewRequest(req))
	if err != nil {
		return filerFault(o.Filer, err)
	}
	done := farm.LandingDone{Attempt: o.Attempt}
	for _, r := range res.Msg.GetReceipts() {
		if p, ok := byPath[r.GetPath()]; ok {
			done.Receipts = append(done.Receipts, farm.Landed{StoragePath: p, Receipt: farm.Receipt{
				Filer: farm.FilerID(r.GetFiler()), Serial: r.GetSerial(), Size: r.GetSize(), SHA256: hex.EncodeToString(r.GetSha256()),
				Issued: r.GetIssued().AsTime(),
			}})
		}
	}
	if len(done.Receipts) > 0 {
		if _, err := s.loop.Do(ctx, done); err != nil {
			return err
		}
	}
	return s.unlanded(ctx, o, res.Msg.GetErrors())
}

// unlanded deals with the paths that got no receipt: what will not get better by waiting fails the attempt.
func (s *Server) unlanded(ctx context.Context, o farm.OwedFlush, problems []*filerv1.PathError) error {
	for _, p := range problems {
		reason := fmt.Sprintf("filer %s can't land %s: %s", o.Filer, p.GetPath(), p.GetMessage())
		switch kind := fault.ParseKind(p.GetKind()); kind {
		case fault.NotFound, fault.Invalid, fault.Denied, fault.Conflict:
			_, err := s.loop.Do(ctx, farm.LandingFailed{Attempt: o.Attempt, Reason: reason, Outcome: farm.LandingFails})
			return err
		default:
			return fault.New(kind, "%s", reason)
		}
	}
	return nil
}

// often picks the tries of which the farm's history hears: the first, then fewer and fewer.
func often(tries int) bool { return tries&(tries-1) == 0 }

// tell is for words that nobody waits for: they are said again with the next try.
func (s *Server) tell(ctx context.Context, c farm.Command) {
	if _, err := s.loop.Do(ctx, c); err != nil {
		s.config.Log.Debug("not told", "command", fmt.Sprintf("%T", c), "error", err)
	}
}
