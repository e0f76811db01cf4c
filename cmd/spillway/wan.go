package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
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
	Relay     []wanRelay      `required:"" sep:"none" placeholder:"LISTEN=TARGET[,NAME[,reverse]]" help:"A TCP relay over the link; may be repeated. reverse: it listens at the far end."`
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

// Run relays until it is told to stop, then prints what it carried.
func (c *WanCmd) Run(ctx context.Context, g *Globals) error {
	link, err := wan.New(wan.Config{RTT: time.Duration(c.RTT), Bandwidth: int64(c.Bandwidth), Log: g.Log})
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "wan")
	}
	defer link.Close()
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
