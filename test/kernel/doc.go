// Package kernel tests the filer with real Linux kernels as its clients (package rig boots them, package posix is what
// they try). Without root, /dev/net/tun or what scripts/kernel-client unpacks its tests are skipped.
package kernel
