// Package posix is a suite of tests of what programs expect of a file system. They are ordinary Go tests and try a local
// folder unless told otherwise, which shows that the suite itself is right. The rig runs the same tests, as a static
// program, in a guest over a mount.
//
// Environment:
//
//   - SPILLWAY_POSIX_DIR: the folder to try; a temporary one by default.
//   - SPILLWAY_POSIX_PEER: HOST:PORT of the same program on another machine that has the same folder; by default a second
//     process of this machine.
//   - SPILLWAY_POSIX_SERVE: HOST:PORT at which to be that other machine, for SPILLWAY_POSIX_DIR.
//   - SPILLWAY_POSIX_WITHOUT: what this file system has not, as a list of NAME=REASON, separated by semicolons.
//   - SPILLWAY_POSIX_SQUASHED: the user id that the server makes of root.
//   - SPILLWAY_TEST_ALL: directories and files of full size.
package posix
