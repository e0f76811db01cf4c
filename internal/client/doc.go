// Package client speaks the public REST API of a Spillway server.
//
// Errors carry the kind and the hint that the server gave (internal/fault). Reads, and submits with a key, are repeated
// while the server is away for a moment; streams go on where they broke.
package client
