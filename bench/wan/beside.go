package main

import (
	"context"
	"fmt"
	"time"
)

const (
	warmSize    = 256 << 20
	disturbFor  = 15 * time.Second
	backClients = 8
)

// disturbed compares reads of warm data while other clients fill the cache with reads while those read warm data at the
// same rate. As the link costs this machine's processors what a network card would not, the control has iperf3 carry the
// same rate over it.
func disturbed(ctx context.Context, p *place) error {
	warm, err := p.large(warmSize)
	if err != nil {
		return err
	}
	cold, err := p.large(p.size)
	if err == nil {
		err = p.freshCache(ctx, plain, "")
	}
	if err != nil {
		return err
	}
	for range 2 {
		if _, err := p.client(ctx, &task{do: "stream", name: warm}); err != nil {
			return err
		}
	}
	filling, err := p.client(ctx, &task{do: "disturb", name: warm, other: cold, clients: backClients, length: disturbFor})
	if err != nil {
		return err
	}
	pace := filling.Bytes / int64(filling.Took.Seconds())
	busy, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = p.iperf(busy, "--reverse", "--time", fmt.Sprint(int(disturbFor/time.Second)+2), "--bitrate", fmt.Sprint(8*pace/int64(p.streams))) // ends by itself
	}()
	control, err := p.client(ctx, &task{do: "disturb", name: warm, other: warm, clients: backClients, pace: pace, length: disturbFor})
	<-done
	stop()
	if err != nil {
		return err
	}
	row(fmt.Sprintf("64 KiB READs of warm data while %d clients fill the cache", backClients),
		fmt.Sprintf("p50 %d µs, p99 %d µs, beside %.1f MB/s", filling.P50.Microseconds(), filling.P99.Microseconds(), float64(filling.Bytes)/filling.Took.Seconds()/1e6), 0, 0)
	row("the same while they read warm data at the same rate",
		fmt.Sprintf("p50 %d µs, p99 %d µs, beside %.1f MB/s; p99 above ÷ this %.2f", control.P50.Microseconds(), control.P99.Microseconds(),
			float64(control.Bytes)/control.Took.Seconds()/1e6, float64(filling.P99)/float64(control.P99)), 0, 0)
	return nil
}
