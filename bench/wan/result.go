package main

import (
	"fmt"
	"strings"
	"time"
)

// result is what a client measured.
type result struct {
	Bytes   int64         `json:"bytes"`   // asked for by all clients together
	Unique  int64         `json:"unique"`  // of them
	Files   int           `json:"files"`   // by all clients together
	Took    time.Duration `json:"took"`    // in ns
	First   time.Duration `json:"first"`   // until the first page of a folder was there
	Settled float64       `json:"settled"` // bytes a second from 2 s after the start on; 0 if it did not last that long
	P50     time.Duration `json:"p50"`     // of a read, as is
	P99     time.Duration `json:"p99"`
}

// rate is what the link is compared with, in bytes a second.
func (r *result) rate() float64 {
	if r.Settled > 0 {
		return r.Settled
	}
	return float64(r.Unique) / r.Took.Seconds()
}

// figure describes a transfer, between two states of the far filer.
func (r *result) figure(before, after traffic) string {
	fetched := after.read - before.read
	parts := []string{fmt.Sprintf("%.1f MB/s in %.1f s", float64(r.Unique)/r.Took.Seconds()/1e6, r.Took.Seconds())}
	if r.Settled > 0 {
		parts = append(parts, fmt.Sprintf("%.1f MB/s from the 2nd second on", r.Settled/1e6))
	}
	if r.Files > 1 {
		parts = append(parts, fmt.Sprintf("%.0f files/s", float64(r.Files)/r.Took.Seconds()))
	}
	cpu := (after.cpu - before.cpu).Seconds()
	if r.Files > 1 {
		parts = append(parts, fmt.Sprintf("%.0f µs of the far filer's CPU a file", cpu*1e6/float64(r.Files)))
	} else {
		parts = append(parts, fmt.Sprintf("%.2f s of the far filer's CPU a GB", cpu*1e9/float64(r.Unique)))
	}
	if fetched > 0 {
		parts = append(parts, fmt.Sprintf("read from the origin ÷ unique %.3f", float64(fetched)/float64(r.Unique)))
	}
	return strings.Join(parts, "; ")
}
