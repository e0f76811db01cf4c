// Package nfs is NFS version 3 with its MOUNT protocol (RFC 1813): a codec without reflection, a server and a client.
//
// Both programs answer on one TCP port; no portmapper is asked or needed. The lock manager's protocols and the port
// mapper's are packages below this one; their programs can answer on the same port (Server.Others). A server is a [Procedures] and a
// [MountProcedures], structs of functions that fill in results:
//
//	srv := &nfs.Server{NFS: nfs.Procedures{
//		Getattr: func(ctx context.Context, req *nfs.Request, args *nfs.GetattrArgs, res *nfs.GetattrResult) {
//			res.Attr, res.Status = lookUp(args.Object)
//		},
//	}}
//	err := srv.Serve(ctx, listener)
//
// Requests of one connection run concurrently and are answered in the order in which they end. A [Client] keeps many
// calls in flight on several connections and carries them over a server's restart.
//
// Field names follow RFC 1813 where Go allows it. Whatever a peer may send is bounded before memory is taken for it.
package nfs
