package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/spillway/spillway/internal/config"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/wan"
)

// WanCmd emulates a wide-area link on one machine.
type WanCmd struct {
	RTT       config.Duration `name:"rtt" default:"60ms" help:"Round trip."`
	Bandwidth config.Rate     `default:"200Mbit/s" help:"Of each direction, shared by all relays."`
	Relay     []wanRelay      `sep:"none" placeholder:"LISTEN=TARGET[,NAME[,reverse]]" help:"A TCP relay over the link; may be repeated. reverse: it listens at the far end."`
	TUN       []wanTUN        `name:"tun" sep:"none" placeholder:"NAMESPACE=ADDRESS/BITS" help:"Instead of relays, carry packets between two network namespaces, each with a device wan0 of this address: give it twice. Needs root."`
	MTU       int             `name:"mtu" default:"1500" help:"Of the TUN devices."`
	Queue     config.Bytes    `default:"1MiB" help:"Bytes that may wait for the link in each direction; packets beyond are lost. Of TUN devices."`
	Loss      float64         `default:"0" help:"Probability that a packet is lost, 0 to 1. Of TUN devices."`
	Seed      uint64          `default:"1" help:"Of the losses."`
	Status    string          `placeholder:"HOST:PORT" help:"Serve the counters as JSON here (GET /), and POST /cut and /heal."`
}

// wanRelay is a relay as the command line spells it.
type wanRelay struct{ wan.RelayConfig }

// UnmarshalText reads LISTEN=TARGET[,NAME[,reverse]]; the name is the listening address by default.
func (r *wanRelay) UnmarshalText(text []byte) error {
	addresses, rest, _ := strings.Cut(string(text), ",")
	listen, dest, ok := strings.Cut(addresses, "=")
	name, reverse, _ := strings.Cut(rest, ",")
	if !ok || listen == "" || dest == "" || reverse != "" && reverse != "reverse" {
		return fault.New(fault.Invalid, "want LISTEN=TARGET[,NAME[,reverse]], got %q", text)
	}
	if name == "" {
		name = listen
	}
	r.RelayConfig = wan.RelayConfig{Name: name, Listen: listen, Target: dest, Reverse: reverse != ""}
	return nil
}

// wanTUN is a device as the command line spells it.
type wanTUN struct{ wan.TUNConfig }

// UnmarshalText reads NAMESPACE=ADDRESS/BITS.
func (t *wanTUN) UnmarshalText(text []byte) error {
	namespace, address, ok := strings.Cut(string(text), "=")
	prefix, err := netip.ParsePrefix(address)
	if !ok || namespace == "" || err != nil {
		return fault.New(fault.Invalid, "want NAMESPACE=ADDRESS/BITS such as studio=10.77.0.1/24, got %q", text)
	}
	t.TUNConfig = wan.TUNConfig{Namespace: namespace, Address: prefix}
	return nil
}

// Validate is called by the command line's parser.
func (c *WanCmd) Validate() error {
	switch {
	case len(c.TUN) == 0 && len(c.Relay) == 0:
		return errors.New("a link needs relays (--relay) or two devices (--tun, twice)")
	case len(c.TUN) != 0 && len(c.TUN) != 2:
		return errors.New("--tun is given twice: the near end and the far one")
	case c.Loss < 0 || c.Loss > 1:
		return errors.New("--loss is a probability from 0 to 1")
	}
	return nil
}

// tunnel makes the devices and connects them.
func (c *WanCmd) tunnel(link *wan.Link) error {
	var ends []wan.Device
	for _, t := range c.TUN {
		t.MTU, t.Offload = c.MTU, c.Loss == 0 // a loss is of one segment, not of many
		tun, err := wan.OpenTUN(t.TUNConfig)
		if err != nil {
			for _, end := range ends {
				end.Close()
			}
			return err
		}
		ends = append(ends, tun)
	}
	_, err := link.Tunnel(wan.TunnelConfig{Near: ends[0], Far: ends[1], Queue: int64(c.Queue), Loss: c.Loss, Seed: c.Seed})
	return err
}

// Run relays until it is told to stop, then prints what it carried.
func (c *WanCmd) Run(ctx context.Context, g *Globals) error {
	link, err := wan.New(wan.Config{RTT: time.Duration(c.RTT), Bandwidth: int64(c.Bandwidth), Log: g.Log})
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "wan")
	}
	defer link.Close()
	if len(c.TUN) > 0 {
		if err := c.tunnel(link); err != nil {
			return fault.WithHint(fault.Wrap(fault.Unavailable, err, "wan"), "devices need root and /dev/net/tun; namespaces are made with `ip netns add`")
		}
	}
	relays := map[string]string{}
	for _, r := range c.Relay {
		relay, err := link.Relay(r.RelayConfig)
		if err != nil {
			return fault.Wrap(fault.Unavailable, err, "wan")
		}
		relays[relay.Name()] = relay.Addr()
	}
	status := ""
	if c.Status != "" {
		l, err := net.Listen("tcp", c.Status)
		if err != nil {
			return fault.Wrap(fault.Unavailable, err, "wan")
		}
		status = l.Addr().String()
		server := &http.Server{Handler: link.Handler(), ReadHeaderTimeout: 5 * time.Second}
		go func() {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				g.Log.Error("the status page has ended", "err", err)
			}
		}()
		defer server.Close()
	}
	if err := printLine(g, "ready", map[string]any{"relays": relays, "status": status}); err != nil {
		return err
	}
	<-ctx.Done()
	return errors.Join(link.Close(), printLine(g, "done", link.Status()))
}

// printLine prints a word and JSON on one line, for programs that wait for it.
func printLine(g *Globals, word string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(g.Out, "%s %s\n", word, data)
	return err
}
