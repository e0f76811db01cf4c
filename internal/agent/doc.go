// Package agent is the node's side of the farm: it dials the server, runs what it is ordered to, and reports.
//
// # What keeps running
//
// The agent is replaceable at any moment. Sessions run under supervisors (package supervise), mounts are processes of
// their own; both outlive the agent, killed or upgraded, and the next agent in the same directory finds and adopts them.
// SIGTERM therefore ends the agent alone. With Config.StopWithAgent, or when a Drain order says stop, the agent ends what
// runs, leaves the sessions, detaches the mounts and is gone without a trace.
//
// # What the agent never does
//
// It never touches a mount: whatever may hang with the storage runs in a helper process with a time limit (package
// nodehelper). So the heartbeat goes on, and a storage that hangs is reported instead of suffered.
//
// # Files in the node's directory
//
//	lock                 held by the running agent
//	node.json            state: the node's start, the highest epoch seen
//	identity/            key and certificate (package identity)
//	jobs/JOB.json        job specifications that attempts refer to
//	attempts/ATTEMPT/    order.json, reserve, log, result.json (package supervise), end.json: how it ended, until Forget
//	sessions/SESSION/    see package supervise
//	mounts/LOCATION.json what is mounted; LOCATION.pid its process, .sock its control socket, .log its messages
//	mnt/LOCATION         mount points
//
// Every process that the agent starts carries SPILLWAY_NODE=NAME and SPILLWAY_NODE_DIR=DIR in its environment, so that
// whoever must end a whole node (a provider of emulated machines) finds all of it.
//
// # Locks
//
// node.mu guards the maps of attempts and sessions and their fields; mounts.mu guards the mounts; outbox.mu and uploads.mu
// are leaves. Order: node.mu before the leaves; mounts.mu is never held together with node.mu.
package agent
