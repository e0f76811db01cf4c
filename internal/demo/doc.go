// Package demo makes a hybrid farm on one machine and renders a real shot on it: a studio with its NAS folder, an edge
// filer and one node; an emulated WAN; a cloud site with a filer and an elastic pool. Every part is a process of the one
// binary, started as an operator would start it. It ends by proving that the frames are on the NAS, and leaves nothing
// running or mounted.
package demo
