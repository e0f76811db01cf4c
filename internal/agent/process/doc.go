// Package process starts commands and ends whole process trees: what a session needs to be sure that nothing of a task
// is left.
//
// A supervisor makes itself the reaper of its descendants (Adopt), so that a child that forks twice and leaves its
// process group is still found below it. Where a cgroup v2 hierarchy can be written, a Slot holds the processes exactly
// and kills them at once; elsewhere the process group and the tree below the supervisor do. Both are used together: a
// process may leave its group, none leaves its cgroup by accident.
package process
