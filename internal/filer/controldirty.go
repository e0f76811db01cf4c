package filer

import (
	"context"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	filerv1 "github.com/spillway/spillway/api/spillway/filer/v1"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
)

// maxUnlanded bounds the files in one answer.
const maxUnlanded = 10_000

func (c control) ListUnlanded(ctx context.Context, req *connect.Request[filerv1.ListUnlandedRequest]) (*connect.Response[filerv1.ListUnlandedResponse], error) {
	if _, err := demand(ctx, identity.RoleServer); err != nil {
		return nil, err
	}
	all, err := c.f.Unlanded()
	if err != nil {
		return nil, rpcError(err)
	}
	res := &filerv1.ListUnlandedResponse{Total: uint64(len(all))}
	limit := maxUnlanded
	if n := req.Msg.Limit; n > 0 {
		limit = int(min(n, maxUnlanded))
	}
	for _, u := range all[:min(len(all), limit)] {
		res.Files = append(res.Files, &filerv1.UnlandedFile{
			Id: u.ID, Path: u.Path, Size: u.Size, Bytes: u.Bytes, FirstChange: timestamppb.New(u.First), LastChange: timestamppb.New(u.Last),
			State: filerv1.UnlandedFile_State(u.State), Tries: uint32(u.Tries), Reason: u.Reason,
		})
	}
	return connect.NewResponse(res), nil
}

func (c control) EndUnlanded(ctx context.Context, req *connect.Request[filerv1.EndUnlandedRequest]) (*connect.Response[filerv1.EndUnlandedResponse], error) {
	who, err := demand(ctx, identity.RoleServer)
	if err != nil {
		return nil, err
	}
	m := req.Msg
	how := UnlandedEnd(m.Action)
	switch how {
	case RetryUnlanded, DiscardUnlanded:
	case RescueUnlanded:
		if !c.local {
			return nil, rpcError(fault.New(fault.Denied, "files are rescued by commands on the filer's own machine only"))
		}
	default:
		return nil, rpcError(fault.New(fault.Invalid, "no action %v", m.Action))
	}
	out, err := c.f.EndUnlanded(ctx, m.Id, how, m.Folder, who.String())
	if err != nil {
		return nil, rpcError(err)
	}
	return connect.NewResponse(&filerv1.EndUnlandedResponse{Path: out.Path, Copy: out.Copy, MissingBytes: out.Missing}), nil
}
