// Package copies keeps whole files of servers on a node's disk, within a bound, for all mounts of the node.
//
// A copy is served only if it is whole and of the version that the server has now: size, mtime and ctime, which the caller
// asks for at each open. On disk a copy is a plain file, named by the hash of its [ID], and a record beside it (record.go)
// that says which version it holds, how the local file looked when it was complete (inode, size, mtime, ctime), in which
// boot of the machine, and a checksum of each block. So whatever touches a copy makes it count no more, and nothing needs
// to be synced: after a reboot a copy is read through once and compared with its checksums before it counts again
// ([Store.Recheck]).
//
// Copies are immutable: a new version replaces the old one by rename, and whoever has the old one open reads on in it.
//
//	DIR/lock             locked by whoever changes what follows; holds the number of bytes reserved (space.go)
//	DIR/v1/ab/ab12…      a copy
//	DIR/v1/ab/ab12….rec  its record; its mtime is when the copy was last opened
//	DIR/v1/ab/ab12….part a copy that is being made, locked by its maker
package copies
