package portmap

import (
	"context"

	"github.com/spillway/spillway/nfs/rpc"
)

// Server answers from a fixed list of mappings, to which its own are added. Nobody may change it over the network: SET and
// UNSET answer false.
type Server struct{ Mappings []Mapping }

// Programs returns the server as programs for TCP and UDP.
func (s *Server) Programs() []rpc.Program {
	v2 := make(rpc.Table, ProcDump+1)
	refuse := rpc.Bind(func(context.Context, *rpc.Call, *Mapping, *boolean) {})
	v2[ProcSet], v2[ProcUnset] = refuse, refuse
	v2[ProcGetPort] = rpc.Bind(func(_ context.Context, _ *rpc.Call, args *Mapping, res *number) {
		*res = number(s.find(args.Program, args.Version, args.Transport))
	})
	v2[ProcDump] = rpc.Bind(func(_ context.Context, _ *rpc.Call, _ *rpc.Void, res *mappings) { *res = s.all() })
	bind := make(rpc.Table, ProcDump+1)
	refuseBound := rpc.Bind(func(context.Context, *rpc.Call, *bound, *boolean) {})
	bind[ProcSet], bind[ProcUnset] = refuseBound, refuseBound
	bind[ProcGetPort] = rpc.Bind(s.getAddr)
	bind[ProcDump] = rpc.Bind(s.dumpBound)
	return []rpc.Program{
		{Number: Program, Low: Version, High: Version, Serve: v2.Serve},
		{Number: Program, Low: VersionBind, High: VersionLast, Serve: bind.Serve},
	}
}

// all returns the mappings with those of the port mapper itself.
func (s *Server) all() []Mapping {
	var own []Mapping
	for v := uint32(VersionLast); v >= Version; v-- {
		own = append(own, Mapping{Program, v, TCP, Port}, Mapping{Program, v, UDP, Port})
	}
	return append(own, s.Mappings...)
}

// find returns the port of a program: that of the version asked for, else of any, as the port mapper's callers expect: they
// are told by the program itself which versions it has.
func (s *Server) find(program, version uint32, t Transport) uint32 {
	var other uint32
	for _, m := range s.all() {
		switch {
		case m.Program != program || m.Transport != t:
		case m.Version == version:
			return m.Port
		default:
			other = m.Port
		}
	}
	return other
}

// getAddr answers with the address on which it was called, or with nothing.
func (s *Server) getAddr(_ context.Context, call *rpc.Call, args *bound, res *text) {
	t, v6, ok := transport(args.Netid)
	host := call.Local.Addr().Unmap()
	if !ok { // an empty netid is the one of the call
		t, v6 = TCP, host.Is6()
		if call.Datagram {
			t = UDP
		}
	}
	if args.Netid != "" && !ok || host.IsValid() && v6 != host.Is6() {
		return
	}
	if port := s.find(args.Program, args.Version, t); port != 0 {
		*res = text(universal(host, port))
	}
}

func (s *Server) dumpBound(_ context.Context, call *rpc.Call, _ *rpc.Void, res *bounds) {
	host := call.Local.Addr().Unmap()
	for _, m := range s.all() {
		*res = append(*res, bound{m.Program, m.Version, m.Transport.netid(host.Is6()), universal(host, m.Port), "superuser"})
	}
}
