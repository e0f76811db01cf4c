// Package supervise keeps a session alive while agents come and go.
//
// Each session runs in a process of its own, `spillway supervise DIR`, which leads its own session and process group, so
// that neither a signal to the agent nor its death or upgrade reaches it. It holds what must survive: the pipes, the exit
// status, the log spool, the process tree.
//
// # Files
//
// In the session's directory, DIR:
//
//	session.json     session.Spec, written by the agent before the supervisor is started
//	supervisor.json  Record: the supervisor's process and the process groups alive under it; replaced atomically
//	supervisor.log   the supervisor's own messages
//	socket           the unix socket, mode 0600
//	work/            the session's working directory
//	session.log      output that belongs to no attempt: onExit actions, daemons
//	ended.json       Ended; written last. If the process is gone and this file is not there, it was killed
//
// In an attempt's directory (which outlives the session):
//
//	log              the attempt's log (package spool)
//	result.json      session.Result, written when the attempt's processes are gone
//
// # Protocol
//
// Version 1. JSON objects, one a line, at most MaxLine bytes, over the unix socket; unknown fields are ignored, so that
// an agent and a supervisor of neighbouring releases understand each other.
//
// The agent sends Commands. "run" queues a task; a task known by its attempt is not queued again. "cancel" ends a task,
// queued or running; an unknown or ended one is no error. "end" lets the queue run empty and ends the session.
//
// The supervisor sends Messages: after the connection is made one with the session's state, then one for every attempt it
// has had, then one whenever something changes. Each carries a whole state, never a difference, so none has to be
// acknowledged. Changes of phase are sent at once, progress and log sizes at most twice a second. When the session has
// ended, the supervisor sends that, closes the connection and exits.
package supervise
