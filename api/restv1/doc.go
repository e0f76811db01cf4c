// Package restv1 holds the values that the public REST API (/api/v1) sends and takes, as JSON.
//
// They are a contract of their own: what the server keeps inside may change, these only grow. Times are RFC 3339 in UTC,
// durations are seconds, sizes are bytes, states are the words of docs/states.md. api/openapi.json is generated from here.
package restv1
