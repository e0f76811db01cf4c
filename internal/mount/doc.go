// Package mount shows an NFSv3 export as a FUSE file system, over our own client, on machines whose kernel has no NFS
// client or does not let the user mount.
//
// Consistency is close-to-open: open asks the server for the file's attributes and keeps the kernel's pages only if size,
// mtime and ctime are what they were; close writes everything back and commits it. In between, names and attributes may be
// as old as Config.AttrTimeout and Config.EntryTimeout; Refresh drops them all at once. Absent names are never cached. What
// the kernel is told of a file is never older than what has been written to it here (known.go).
//
// Whole files may be kept on the node's disk (package copies): cache.go and fill.go make the copies, source.go reads them,
// and passthrough.go lets the kernel read them by itself.
//
// Writes are gathered: renderers write a picture in pieces of 4 KiB straight to its final name, and over a link each
// round trip counts. A file's writer (writer.go) sends large UNSTABLE WRITEs in parallel, keeps their bytes until COMMIT
// confirms them under the same verifier, and sends them again if the server lost them. Errors come out at fsync and close.
//
// Lock order: fileSystem.mu, then node.mu, then writer.mu; cache.mu, then fill.mu. No lock is held over a call to the server, except a writer's order of commits.
package mount
