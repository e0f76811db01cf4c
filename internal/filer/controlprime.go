package filer

import (
	"context"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	filerv1 "github.com/spillway/spillway/api/spillway/filer/v1"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
)

func (c control) StartPriming(ctx context.Context, req *connect.Request[filerv1.StartPrimingRequest]) (*connect.Response[filerv1.PrimingJob], error) {
	if _, err := demand(ctx, identity.RoleServer); err != nil {
		return nil, err
	}
	m := req.Msg
	job, err := c.f.StartPriming(m.Name, m.Source, m.Manifest, m.BytesPerSecond)
	return answerJob(job, err)
}

func (c control) ListPriming(ctx context.Context, _ *connect.Request[filerv1.ListPrimingRequest]) (*connect.Response[filerv1.ListPrimingResponse], error) {
	if _, err := demand(ctx, identity.RoleServer); err != nil {
		return nil, err
	}
	res := &filerv1.ListPrimingResponse{}
	for _, job := range c.f.PrimeJobs() {
		res.Jobs = append(res.Jobs, wireJob(job))
	}
	return connect.NewResponse(res), nil
}

func (c control) ChangePriming(ctx context.Context, req *connect.Request[filerv1.ChangePrimingRequest]) (*connect.Response[filerv1.PrimingJob], error) {
	if _, err := demand(ctx, identity.RoleServer); err != nil {
		return nil, err
	}
	do, ok := map[filerv1.ChangePrimingRequest_Action]PrimeAction{
		filerv1.ChangePrimingRequest_ACTION_PAUSE: PausePriming, filerv1.ChangePrimingRequest_ACTION_RESUME: ResumePriming,
		filerv1.ChangePrimingRequest_ACTION_STOP: StopPriming, filerv1.ChangePrimingRequest_ACTION_DELETE: DeletePriming,
	}[req.Msg.Action]
	if !ok {
		return nil, rpcError(fault.New(fault.Invalid, "no action %v", req.Msg.Action))
	}
	job, err := c.f.ChangePriming(req.Msg.Name, do)
	return answerJob(job, err)
}

func answerJob(job PrimeJob, err error) (*connect.Response[filerv1.PrimingJob], error) {
	if err != nil {
		return nil, rpcError(err)
	}
	return connect.NewResponse(wireJob(job)), nil
}

func wireJob(j PrimeJob) *filerv1.PrimingJob {
	out := &filerv1.PrimingJob{
		Name: j.Name, Source: j.Source, State: j.State, Status: j.Status, Mode: j.Mode, BytesPerSecond: j.Rate,
		Created: timestamppb.New(j.Created), Progress: wirePrimed(j.Progress),
	}
	if !j.Started.IsZero() {
		out.Started = timestamppb.New(j.Started)
	}
	if !j.Ended.IsZero() {
		out.Ended = timestamppb.New(j.Ended)
	}
	return out
}

func wirePrimed(p Primed) *filerv1.PrimeProgress {
	return &filerv1.PrimeProgress{
		FilesTotal: p.FilesTotal, FilesDone: p.FilesDone, BytesTotal: p.BytesTotal, BytesDone: p.BytesDone,
		BytesFetched: p.BytesFetched, Errors: wireErrors(p.Errors), Done: p.Done, Directories: p.Directories, Skipped: p.Skipped,
	}
}
