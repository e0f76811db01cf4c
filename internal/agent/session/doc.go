// Package session runs an Open Job Description session on a host (How Jobs Are Run, Sessions): it enters environments in
// order, runs one task after another in one working directory, and leaves the environments in reverse order whatever
// happened.
//
// Signals and process trees. An action is the leader of a process group of its own. NOTIFY_THEN_TERMINATE sends SIGTERM
// to that leader, as the specification says, and SIGKILL to everything that is left after the notify period. What a task
// leaves running when its command has exited gets SIGTERM and, two seconds later, SIGKILL: a task has not ended before
// its processes have. What an onEnter action leaves running (a daemon that keeps an application open) stays until the
// environments have been left.
//
// A failure, a timeout and a cancelation end the session: later tasks are refused.
package session
