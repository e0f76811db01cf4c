package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"connectrpc.com/connect"

	filerv1 "github.com/spillway/spillway/api/spillway/filer/v1"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/server/effect"
)

const (
	fenceWithin = time.Minute
	// fenceParentAfter is how many tries a filer has before it is fenced itself, at its parent. With the pauses between them
	// that is some minutes: a filer that only restarts comes back sooner, and its data with it.
	fenceParentAfter = 24
)

// fencing has a filer end a mount session of a node that is given up, and take away its unfinished files.
func (s *Server) fencing(o farm.OwedFence) effect.Effect {
	tries := 0
	return effect.Effect{
		Key:  fmt.Sprintf("fence/%s/%s/%s/%d", o.Node, o.Mount.Location, o.Mount.Filer, o.Mount.ID),
		Lane: "fence/" + string(o.Mount.Filer),
		Do: func(ctx context.Context) error {
			tries++
			err := s.fence(ctx, o)
			if err != nil && tries > fenceParentAfter {
				return s.fenceFiler(ctx, o, err)
			}
			return err
		},
		Failed: func(ctx context.Context, tries int, err error) {
			if often(tries) {
				s.tell(ctx, farm.FenceWaits{Node: o.Node, Reason: "waits for the fence: " + err.Error()})
			}
		},
	}
}

func (s *Server) fence(ctx context.Context, o farm.OwedFence) error {
	req := &filerv1.FenceRequest{SessionId: o.Mount.ID, Epoch: o.Epoch, Reason: o.Reason}
	if o.Mount.ID == 0 {
		req.Owner = "agent/" + string(o.Node)
	}
	removed, err := s.fenceAt(ctx, o.Mount.Filer, req, o.Discard)
	if err != nil && fault.KindOf(err) == fault.NotFound && req.Owner == "" {
		// The filer does not know the session: it lost its state. Whatever the node has there now ends, and its files go.
		req.SessionId, req.Owner = 0, "agent/"+string(o.Node)
		removed, err = s.fenceAt(ctx, o.Mount.Filer, req, o.Discard)
	}
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	_, err = s.loop.Do(ctx, farm.FenceDone{Node: o.Node, Mounts: []farm.MountSession{o.Mount}, Removed: removed})
	return err
}

// fenceFiler fences the filer itself at its parent: the filer next to the storage has the last word.
func (s *Server) fenceFiler(ctx context.Context, o farm.OwedFence, cause error) error {
	_, filer, err := s.filers.get(o.Mount.Filer)
	if err != nil || filer.Parent == "" {
		return errors.Join(cause, err)
	}
	req := &filerv1.FenceRequest{Owner: "filer/" + filer.Name, Epoch: o.Epoch, Reason: o.Reason + "; its filer does not answer: " + cause.Error()}
	removed, err := s.fenceAt(ctx, farm.FilerID(filer.Parent), req, o.Discard)
	if err != nil {
		return errors.Join(cause, err)
	}
	_, err = s.loop.Do(ctx, farm.FenceDone{Node: o.Node, Mounts: []farm.MountSession{o.Mount}, Removed: removed})
	return err
}

func (s *Server) fenceAt(ctx context.Context, name farm.FilerID, req *filerv1.FenceRequest, discard []farm.StoragePath) ([]farm.Removed, error) {
	client, filer, err := s.filers.get(name)
	if err != nil {
		return nil, err
	}
	byPath := map[string]farm.StoragePath{}
	req.Discard = nil
	for _, p := range discard {
		path := filer.filerPath(p)
		req.Discard = append(req.Discard, path)
		byPath[path] = p
	}
	ctx, cancel := context.WithTimeout(ctx, fenceWithin)
	defer cancel()
	res, err := client.Fence(ctx, connect.NewRequest(req))
	if err != nil {
		return nil, filerFault(name, err)
	}
	var removed []farm.Removed
	for _, d := range res.Msg.GetDiscarded() {
		if p, ok := byPath[strings.TrimSuffix(d.GetPath(), "/")]; ok {
			removed = append(removed, farm.Removed{StoragePath: p, Size: d.GetSize()})
		}
	}
	return removed, nil
}
