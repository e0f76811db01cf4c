package nfs

import "github.com/spillway/spillway/nfs/rpc"

// Auth is the credential of a call: AUTH_SYS or AUTH_NONE.
type Auth = rpc.Auth

// Sys returns an AUTH_SYS credential; machine is the caller's host name.
func Sys(machine string, uid, gid uint32, gids ...uint32) *Auth {
	return rpc.Sys(machine, uid, gid, gids...)
}
