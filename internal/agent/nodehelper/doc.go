// Package nodehelper does what may hang with the storage, in a process of its own with a time limit:
// `spillway node-helper` reads one Request as JSON from its standard input, does it, writes one Answer as JSON to its
// standard output and exits. Call starts it, kills it when its time is over, and does not wait for a process that cannot
// be killed because the kernel holds it in an uninterruptible wait.
package nodehelper
