// Command wan measures a filer at the far end of a long link: cold reading, priming, writing, making files, many clients at
// once, and how much they disturb each other. Link, filers and clients are real: two network namespaces joined by
// `spillway wan` in packet mode, the real binary at either end, and iperf3 over the same path beside each figure.
//
//	go run ./bench/wan -binary bin/spillway -only read
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
)

// setting is what a run is made of.
type setting struct {
	binary, dir    string
	only           *regexp.Regexp
	rtt, bandwidth string
	queue          string
	size           int64 // bytes of the large file
	small          int   // files of smallSize
	clients        int
	entries        int   // of the directory that is listed
	memory         int64 // bytes that the far filer may have while somebody streams past it
	streams        int   // of iperf3
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "client" { // again, inside the far namespace
		exit(client(os.Args[2:]))
	}
	s := setting{only: regexp.MustCompile("")}
	flag.StringVar(&s.binary, "binary", "bin/spillway", "the program to measure")
	flag.StringVar(&s.dir, "dir", filepath.Join(os.TempDir(), "spillway-bench-wan"), "where data and caches live; the data stay")
	flag.Func("only", "measure what matches this expression only (default everything)", func(v string) (err error) {
		s.only, err = regexp.Compile(v)
		return err
	})
	flag.StringVar(&s.rtt, "rtt", "100ms", "round trip")
	flag.StringVar(&s.bandwidth, "bandwidth", "1Gbit/s", "of each direction")
	flag.StringVar(&s.queue, "queue", "16MiB", "that may wait for the link; about what it carries in a round trip")
	flag.Int64Var(&s.size, "size", 4<<30, "bytes of the large file")
	flag.IntVar(&s.small, "small", 100000, "how many files of 16 KiB")
	flag.IntVar(&s.clients, "clients", 32, "that read the same files at once")
	flag.IntVar(&s.entries, "entries", 100000, "of the directory that is listed")
	flag.Int64Var(&s.memory, "memory", 1<<30, "bytes of memory, page cache included, of the filer that somebody streams past")
	flag.IntVar(&s.streams, "streams", 8, "of iperf3; as many as the filer's connections")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, s)
	stop()
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "wan:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

func run(ctx context.Context, s setting) (err error) {
	if os.Getuid() != 0 {
		return errors.New("network namespaces are for root")
	}
	if _, err := exec.LookPath("iperf3"); err != nil {
		return errors.New("the link itself is measured by iperf3: apt-get install iperf3")
	}
	p := &place{setting: s}
	defer func() { err = errors.Join(err, p.stop()) }()
	if err := p.start(ctx); err != nil {
		return err
	}
	fmt.Printf("%s, %s, queue of %s\n\n| what | figure | the link, by iperf3 -P %d beside it | ratio |\n|---|---|---|---|\n", s.rtt, s.bandwidth, s.queue, s.streams)
	for _, t := range trials() {
		if !s.only.MatchString(t.key) {
			continue
		}
		say("%s …", t.key)
		if err := t.run(ctx, p); err != nil {
			return fmt.Errorf("%s: %w", t.key, err)
		}
	}
	return nil
}

// row prints a figure. link and ratio are 0 where the link is not what it is compared with.
func row(what, figure string, link, ratio float64) {
	beside, share := "", ""
	if link > 0 {
		beside = fmt.Sprintf("%.1f MB/s", link/1e6)
	}
	if ratio > 0 {
		share = fmt.Sprintf("%.2f", ratio)
	}
	fmt.Printf("| %s | %s | %s | %s |\n", what, figure, beside, share)
}

func gib(n int64) string { return fmt.Sprintf("%.3g GiB", float64(n)/(1<<30)) }
