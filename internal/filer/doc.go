// Package filer is the storage accelerator: an NFSv3 server over origins, with a cache on the local disk between them.
//
// A call goes nfs -> handle and mount session -> inode -> cache or origin. The parts, one file each:
//
//	handle, session, ids   who asks, for what; durable and authenticated
//	namespace, targets, pseudo, mount   the tree that clients see, and the storages in it
//	manifest, prime, primejobs, pace   loading ahead of time
//	usagemodel, reload, commitflush, groups   what users of HPC Cache know under these names
//	policy, rule, hostnames   which clients may enter an export, and as whom
//	inode, memory, chain, attrs   what is known of a file, since when, and which changes were our own
//	names, listing, listdir, matcher   directories: names, negative names, readings with the storage's cookies
//	ranges, content, fetch data of files: sparse files on the cache disk, one fetch for all who wait
//	writeback, writelocal, land, dirty, recover   changes of data that are acknowledged here and reach the origin later
//	makelocal, removelocal, nameback, birth, unborn, maker   likewise, what is made
//	space, openfiles, behind, persist   what leaves the cache and memory, what is open, and what survives a crash
//	locks, lockcalls, award, monitor, lockorigin, portmapper   advisory locks and who may be told of them
//	outage, moved          an origin that does not answer, or comes back under other handles
//	meters, hottest, metrics   what is counted, for those who watch
//	flush, fence, prime, revalidate, status   the control service's five works
//
// Origins on this machine (Caps.Local) are never cached: every call goes through.
//
// Consistency. Data and names belong to a state of the file (size, mtime, ctime). Our own changes move the state along a
// chain of pre- and post-operation attributes; any gap in the chain, or a state nobody of us made, is somebody else's
// change and drops what was cached. Changes are written through, so that no reply claims more than the origin did, or are
// in the log before they are answered.
//
// Calls that are mostly answered from memory run in the goroutine that reads their connection: whatever waits for an
// origin, a fetch or another call says nfs.Wait before, or it would hold up the connection.
//
// Lock order: lockUpstream.mu, then locks.mu (neither together with one of the others). session.mu, export.mu (held while
// the folders of its junctions are found), then content.io, then inode.mu (a directory's before that of what is being made in it), then nameBack.mu, then table.mu before a shard's mu, space.mu, ids.mu
// (leaves: none of the others is held while one of them is taken, and none during a call to an origin or a synced write).
package filer
