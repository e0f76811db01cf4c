// Command wan measures a filer at the far end of a long link: cold reading, many small files, writing, and many clients at
// once. Link, filers and clients are real: two network namespaces joined by `spillway wan` in packet mode, the real binary at
// either end, and iperf3 over the same path beside each figure.
//
//	go run ./bench/wan -binary bin/spillway
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// setting is what a run is made of.
type setting struct {
	binary, dir    string
	rtt, bandwidth string
	queue          string
	size           int64 // bytes of the large file
	small          int   // files of smallSize
	clients        int
	streams        int // of iperf3
}

func main() {
	var s setting
	if len(os.Args) > 1 && os.Args[1] == "client" { // again, inside the far namespace
		exit(client(os.Args[2:]))
	}
	flag.StringVar(&s.binary, "binary", "bin/spillway", "the program to measure")
	flag.StringVar(&s.dir, "dir", filepath.Join(os.TempDir(), "spillway-bench-wan"), "where data and caches live; the data stay")
	flag.StringVar(&s.rtt, "rtt", "100ms", "round trip")
	flag.StringVar(&s.bandwidth, "bandwidth", "1Gbit/s", "of each direction")
	flag.StringVar(&s.queue, "queue", "16MiB", "that may wait for the link; about what it carries in a round trip")
	flag.Int64Var(&s.size, "size", 4<<30, "bytes of the large file")
	flag.IntVar(&s.small, "small", 20000, "how many files of 16 KiB")
	flag.IntVar(&s.clients, "clients", 32, "that read the same files at once")
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
		return fmt.Errorf("network namespaces are for root")
	}
	if _, err := exec.LookPath("iperf3"); err != nil {
		return fmt.Errorf("the link itself is measured by iperf3: apt-get install iperf3")
	}
	data, err := s.makeData(ctx)
	if err != nil {
		return err
	}
	p := &place{setting: s, data: data}
	defer func() {
		if stopErr := p.stop(); err == nil {
			err = stopErr
		}
	}()
	if err := p.start(ctx); err != nil {
		return err
	}
	fmt.Printf("%s, %s, queue of %s\n\n| what | figure | the link, by iperf3 -P %d beside it | ratio |\n|---|---|---|---|\n", s.rtt, s.bandwidth, s.queue, s.streams)
	for _, w := range []struct {
		name string
		args []string
		back bool // the data go towards the studio
	}{
		{"one cold file of " + gib(s.size) + ", read in order", []string{"-read", "big"}, false},
		{fmt.Sprintf("%d cold files of 16 KiB, 512 at a time", s.small), []string{"-tree", "small", "-workers", "512"}, false},
		{"write of 1 GiB and COMMIT", []string{"-write", "new", "-size", fmt.Sprint(1 << 30)}, true},
		{fmt.Sprintf("%d clients cold on one tree at once", s.clients), []string{"-tree", "shared", "-clients", fmt.Sprint(s.clients), "-workers", "8"}, false},
	} {
		say("%s …", w.name)
		link, err := p.link(ctx, w.back)
		if err != nil {
			return err
		}
		before, err := p.traffic(ctx)
		if err != nil {
			return err
		}
		r, err := p.client(ctx, w.args...)
		if err != nil {
			return err
		}
		after, err := p.traffic(ctx)
		if err != nil {
			return err
		}
		r.print(w.name, link, after-before)
	}
	return nil
}

// result is what a client measured.
type result struct {
	Bytes   int64         `json:"bytes"`   // asked for by all clients together
	Unique  int64         `json:"unique"`  // of them
	Files   int           `json:"files"`   // read by one client
	Took    time.Duration `json:"took"`    // in ns
	Settled float64       `json:"settled"` // bytes a second from 2 s after the start on; 0 if it did not last that long
}

func (r *result) print(name string, link float64, origin int64) {
	rate := float64(r.Unique) / r.Took.Seconds()
	figure := fmt.Sprintf("%.1f MB/s in %.1f s", rate/1e6, r.Took.Seconds())
	if r.Settled > 0 {
		rate = r.Settled
		figure += fmt.Sprintf("; %.1f MB/s from the 2nd second on", rate/1e6)
	}
	if r.Files > 1 {
		figure += fmt.Sprintf("; %.0f files/s", float64(r.Files)/r.Took.Seconds())
	}
	if origin > 0 {
		figure += fmt.Sprintf("; read from the origin ÷ unique %.3f", float64(origin)/float64(r.Unique))
	}
	fmt.Printf("| %s | %s | %.1f MB/s | %.2f |\n", name, figure, link/1e6, rate/link)
}

func gib(n int64) string { return fmt.Sprintf("%.3g GiB", float64(n)/(1<<30)) }

// client runs this program in the far namespace and returns what it measured.
func (p *place) client(ctx context.Context, args ...string) (*result, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", far, self, "client"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("client %v: %w", args, err)
	}
	r := &result{}
	return r, json.Unmarshal(out, r)
}
