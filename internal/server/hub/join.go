package hub

import (
	"context"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
)

// Join gives a certificate for a one-time token.
func (h *Hub) Join(_ context.Context, req *connect.Request[agentv1.JoinRequest]) (*connect.Response[agentv1.JoinResponse], error) {
	m := req.Msg
	subject := identity.Subject{Role: identity.Role(m.GetRole()), Name: m.GetName()}
	if err := subject.Validate(); err != nil {
		return nil, wire(err)
	}
	_, err := h.config.Joins.Redeem(m.GetToken(), subject.Role, subject.Name, m.GetCsr(), time.Now())
	switch {
	case fault.KindOf(err) == fault.Denied && err != nil:
		h.config.Log.Warn("join refused", "subject", subject.String(), "peer", req.Peer().Addr, "error", err)
		return nil, connect.NewError(connect.CodeUnauthenticated, err)
	case fault.KindOf(err) == fault.Conflict && err != nil:
		return nil, connect.NewError(connect.CodeAlreadyExists, err)
	case err != nil:
		return nil, wire(err)
	}
	h.config.Log.Info("joined", "subject", subject.String(), "peer", req.Peer().Addr)
	return h.sign(m.GetCsr(), subject)
}

// Renew gives the caller its next certificate. Its name must still belong to its key.
func (h *Hub) Renew(ctx context.Context, req *connect.Request[agentv1.RenewRequest]) (*connect.Response[agentv1.JoinResponse], error) {
	subject, err := caller(ctx, identity.RoleAgent, identity.RoleFiler)
	if err != nil {
		return nil, wire(err)
	}
	holds, err := h.config.Joins.Holds(subject, req.Msg.GetCsr())
	if err == nil && !holds {
		err = fault.WithHint(fault.New(fault.Denied, "the name %s belongs to another key now", subject), "join again with a new token")
	}
	if err != nil {
		return nil, wire(err)
	}
	return h.sign(req.Msg.GetCsr(), subject)
}

func (h *Hub) sign(csr []byte, subject identity.Subject) (*connect.Response[agentv1.JoinResponse], error) {
	chain, err := h.config.CA.Sign(csr, subject, h.config.CertLife)
	if err != nil {
		return nil, wire(err)
	}
	return connect.NewResponse(&agentv1.JoinResponse{
		Certificates: chain, Ca: h.config.CA.DER(), Expires: timestamppb.New(time.Now().Add(h.config.CertLife)),
	}), nil
}
