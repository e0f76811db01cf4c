// Package rpc is ONC RPC version 2 over TCP (RFC 5531): record marking, call and reply headers, AUTH_NONE and AUTH_SYS, a
// server that runs many calls of one connection at a time, and a client that keeps many calls in flight.
//
// Lock order in the server: Server.mu before conn.out.mu. In the client: link.mu only.
package rpc
