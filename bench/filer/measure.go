package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spillway/spillway/bench/load"
)

// measured is one measurement of one workload on one server.
type measured struct {
	perSecond float64 // calls, entries, or bytes for workloads that move them
	cpu       float64 // server CPU in seconds for each call, entry or byte
	originCPU float64 // the same of the server's origin
	p50, p99  time.Duration
	disk      float64 // bytes that the server gave to disks for each byte that it was given
	beside    float64 // bytes a second moved by what ran beside
	foreign   float64 // cores used meanwhile by others than server, origin and client
	origin    float64 // calls to the origin for each call served
}

// ticks is what /proc counts CPU time in, per second.
const ticks = 100

// cpuOf returns the CPU seconds that a process has used, with the kernel's on its behalf.
func cpuOf(pid int) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	user, err1 := strconv.ParseFloat(fields[11], 64)
	system, err2 := strconv.ParseFloat(fields[12], 64)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("/proc/%d/stat: %q", pid, b)
	}
	return (user + system) / ticks, nil
}

// writtenBy returns the bytes that a process has caused to be written to disks, when they are (proc(5), write_bytes).
func writtenBy(pid int) (uint64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(b), "\nwrite_bytes: ")
	n, _, _ := strings.Cut(after, "\n")
	return strconv.ParseUint(n, 10, 64)
}

// busy returns the CPU seconds that this machine has spent.
func busy() (float64, error) {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(b), "\n")
	sum := 0.0
	for i, f := range strings.Fields(line)[1:] {
		v, err := strconv.ParseFloat(f, 64)
		if err != nil {
			return 0, err
		}
		if i != 3 && i != 4 && i < 8 { // idle, waiting for I/O; guests are counted in user
			sum += v
		}
	}
	return sum / ticks, nil
}

// meter reads all clocks at once.
type meter struct {
	server, origin, client, machine float64
	calls, written                  uint64
	at                              time.Time
}

func readMeter(s *server) (m meter, err error) {
	if s.origin != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if m.calls, err = s.origin.calls(ctx); err != nil {
			return m, err
		}
		if m.origin, err = cpuOf(s.origin.pid); err != nil {
			return m, err
		}
	}
	if m.server, err = cpuOf(s.pid); err != nil {
		return m, err
	}
	if m.client, err = cpuOf(os.Getpid()); err != nil {
		return m, err
	}
	if m.written, err = writtenBy(s.pid); err != nil {
		return m, err
	}
	m.machine, err = busy()
	m.at = time.Now()
	return m, err
}

// measure runs a workload once. Warm workloads run for a quarter of the time before it counts.
func measure(s *server, w *workload, round int, length time.Duration) (measured, error) {
	var work load.Work
	local := s.ceiling && w.local != nil
	if !w.list && !local {
		var err error
		if work, err = w.work(s, round); err != nil {
			return measured{}, err
		}
	}
	run := func(length time.Duration) (load.Result, error) {
		switch {
		case local:
			return w.local(length)
		case w.list:
			return listFor(s, length)
		case w.calls > 0:
			length = time.Hour
		}
		return load.Run(load.Plan{Addr: s.at, Conns: w.conns, Depth: w.depth, For: length, Calls: w.calls}, work)
	}
	if !w.cold {
		if _, err := run(length / 4); err != nil {
			return measured{}, err
		}
	}
	before, err := readMeter(s)
	if err != nil {
		return measured{}, err
	}
	stop := w.startBeside(s, round)
	res, err := run(length)
	if err == nil && w.after != nil && !local {
		err = w.after(s)
	}
	moved, err2 := stop()
	after, err3 := readMeter(s)
	if err := errors.Join(err, err2, err3); err != nil {
		return measured{}, err
	}
	if w.tidy != nil && !local {
		if err := w.tidy(s); err != nil {
			return measured{}, err
		}
	}
	took := after.at.Sub(before.at).Seconds()
	units := float64(res.Calls) * float64(max(w.bytes, 1))
	if w.bytes > 0 && res.Sent > 0 { // COMMITs among the calls move nothing
		units = float64(res.Sent)
	}
	m := measured{
		disk: float64(after.written-before.written) / float64(max(res.Sent, 1)), beside: float64(moved) / took,
		perSecond: units / took, p50: res.P50, p99: res.P99,
		cpu: (after.server - before.server) / units, originCPU: (after.origin - before.origin) / units,
		origin: float64(after.calls-before.calls) / float64(res.Calls),
	}
	ours := after.server - before.server + after.origin - before.origin + after.client - before.client
	m.foreign = max(0, (after.machine-before.machine-ours)/took)
	return m, nil
}

// startBeside starts what runs beside the work; what it returns ends that.
func (w *workload) startBeside(s *server, round int) (stop func() (uint64, error)) {
	if w.beside == nil {
		return func() (uint64, error) { return 0, nil }
	}
	ctx, cancel := context.WithCancel(context.Background())
	var moved uint64
	var err error
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		moved, err = w.beside(ctx, s, round)
	}()
	return func() (uint64, error) {
		cancel()
		<-ended
		return moved, err
	}
}

// listFor lists the directory of small files again and again; a call is an entry.
func listFor(s *server, length time.Duration) (r load.Result, err error) {
	begin := time.Now()
	for time.Since(begin) < length {
		l, err := load.List(s.at, s.files.dir.Handle, 64<<10, nil)
		if err != nil {
			return r, err
		}
		if l.Entries < smallFiles {
			return r, fmt.Errorf("only %d of %d entries", l.Entries, smallFiles)
		}
		r.Calls += l.Entries
		r.P50, r.P99 = l.Took/time.Duration(l.Pages), max(r.P99, l.Longest)
	}
	r.Took = time.Since(begin)
	return r, nil
}

// rate returns the rate for people.
func (m *measured) rate(w *workload) string {
	if w.bytes > 0 {
		return fmt.Sprintf("%.0f MB/s", m.perSecond/1e6)
	}
	return thousands(m.perSecond) + "/s"
}

// more returns what the table says beside the rate.
func (m *measured) more(w *workload) string {
	var s string
	if w.slow {
		s += fmt.Sprintf(", p99 %.3g ms", m.p99.Seconds()*1e3)
	}
	if w.once && m.disk > 0 {
		s += fmt.Sprintf(", disk %.2f ×", m.disk)
	}
	if m.beside > 0 {
		s += fmt.Sprintf(", fill %.0f MB/s", m.beside/1e6)
	}
	return s
}

// cost returns the CPU for people.
func (m *measured) cost(w *workload) string {
	if m.cpu == 0 {
		return ""
	}
	if w.bytes > 0 {
		return fmt.Sprintf("%.2f s/GB", m.cpu*1e9)
	}
	return fmt.Sprintf("%.1f µs", m.cpu*1e6)
}

func thousands(v float64) string {
	s := strconv.FormatInt(int64(v+0.5), 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// String is a line of the progress.
func (m *measured) String(w *workload) string {
	s := fmt.Sprintf("%14s  %10s CPU  p50 %v p99 %v", m.rate(w), m.cost(w), m.p50.Round(time.Microsecond), m.p99.Round(time.Microsecond))
	if w.changes && w.bytes > 0 {
		s += fmt.Sprintf("  disk: %.2f bytes each", m.disk)
	}
	if m.beside > 0 {
		s += fmt.Sprintf("  beside: %.0f MB/s", m.beside/1e6)
	}
	if m.origin > 0 || m.originCPU > 0 {
		s += fmt.Sprintf("  origin: %.3f calls each, %.2f CPU of ours", m.origin, m.originCPU/m.cpu)
	}
	return s + fmt.Sprintf("  (others: %.2f cores)", m.foreign)
}
