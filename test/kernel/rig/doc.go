// Package rig boots real Linux kernels as NFS clients, for tests: User-Mode Linux, a kernel that runs as a process, in
// namespaces in which nothing else lives. What it boots is unpacked by scripts/kernel-client; it needs root and amd64.
//
// Whoever uses it first calls Enter in TestMain: the test runs again as the first process of network, mount and process
// namespaces of its own, so that whatever it starts ends with it, however it ends.
package rig
