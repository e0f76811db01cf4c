// Package rest is the public REST API (/api/v1), its event stream and the door to the web page.
//
// It knows HTTP and nothing of scheduling: what it serves comes through the small interfaces of backend.go, which the
// control plane satisfies. Every answer is committed state. Errors are classified once, by internal/fault, and become RFC
// 9457 problems in problem.go.
package rest
