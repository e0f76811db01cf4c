// Package meter counts what a filer does, in memory that does not grow: latencies in a fixed set of buckets, and who and
// what is busiest in a fixed number of places.
package meter
