package hub

import (
	"context"
	"errors"
	"io"
	"math"

	"connectrpc.com/connect"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
)

// UploadLog stores the logs of a node's attempts.
func (h *Hub) UploadLog(ctx context.Context, stream *connect.BidiStream[agentv1.LogChunk, agentv1.LogAck]) error {
	subject, err := caller(ctx, identity.RoleAgent)
	if err != nil {
		return wire(err)
	}
	defer h.interrupt(ctx)()
	node := farm.NodeID(subject.Name)
	jobs := map[farm.AttemptID]farm.JobID{}
	for {
		chunk, err := stream.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		stored, err := h.store(ctx, node, jobs, chunk)
		if err != nil {
			return wire(err)
		}
		if err := stream.Send(&agentv1.LogAck{Attempt: chunk.GetAttempt(), Stored: stored}); err != nil {
			return err
		}
	}
}

// store appends one chunk. The log of an attempt that this node does not have, or that nobody knows, goes nowhere: all of
// it counts as stored, so that the node may drop it.
func (h *Hub) store(ctx context.Context, node farm.NodeID, jobs map[farm.AttemptID]farm.JobID, chunk *agentv1.LogChunk) (uint64, error) {
	id := farm.AttemptID(chunk.GetAttempt())
	end := chunk.GetOffset() + uint64(len(chunk.GetData()))
	if chunk.GetOffset() > math.MaxInt64/2 {
		return 0, fault.New(fault.Invalid, "a log chunk at offset %d", chunk.GetOffset())
	}
	job, known := jobs[id]
	if !known {
		var a farm.Attempt
		if err := h.config.Farm.View(ctx, func(f *farm.Farm) { a, known = f.Attempt(id) }); err != nil {
			return 0, err
		}
		if !known || a.Node != node {
			return end, nil
		}
		job = a.Unit.Job
		jobs[id] = job
	}
	stored, err := h.config.Logs.Append(job, id, chunk.GetOffset(), chunk.GetData(), chunk.GetComplete())
	if err != nil {
		return 0, err
	}
	if c := h.conn(node); c != nil {
		c.grown(id)
	}
	return stored, nil
}

// logStored returns how much of an attempt's log is stored; everything, for an attempt that nobody knows.
func (h *Hub) logStored(ctx context.Context, id farm.AttemptID) (uint64, error) {
	var a farm.Attempt
	var known bool
	if err := h.config.Farm.View(ctx, func(f *farm.Farm) { a, known = f.Attempt(id) }); err != nil {
		return 0, err
	}
	if !known {
		return math.MaxUint64, nil
	}
	return h.config.Logs.Size(a.Unit.Job, id)
}
