// Package server is the control plane: the commit loop over the farm, the agents' hub, the effects that the records owe to
// filers and providers, the burst planner, and what the REST API asks of all that.
//
// A Server holds no lock while it calls another part. Locks, each held briefly and alone: hub's two (see there), planner.mu,
// machines.mu, refresher.mu, feed.mu, people.mu, statuses.mu, and those of the join table, the logs and the catalog.
package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spillway/spillway/internal/farm"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
	"github.com/spillway/spillway/internal/server/catalog"
	"github.com/spillway/spillway/internal/server/commit"
	"github.com/spillway/spillway/internal/server/effect"
	"github.com/spillway/spillway/internal/server/hub"
	"github.com/spillway/spillway/internal/server/joblog"
	"github.com/spillway/spillway/internal/server/join"
	"github.com/spillway/spillway/internal/server/policy"
	"github.com/spillway/spillway/internal/server/rest"
	"github.com/spillway/spillway/internal/server/scale"
	"github.com/spillway/spillway/internal/store"
)

const (
	serverCertLife = 30 * 24 * time.Hour
	memberCertLife = 7 * 24 * time.Hour
	hangUpWithin   = 3 * time.Second // for calls in progress when the server stops
	recalled       = 4096            // events read back at start for screens that come back
)

// Server is a control plane.
type Server struct {
	config    Config
	locations *policy.Locations
	store     store.Store
	ca        *identity.CA
	ring      *identity.Keyring
	token     string
	joins     *join.Table
	logs      *joblog.Store
	catalog   *catalog.Catalog
	filers    *filers
	machines  *machines
	hub       *hub.Hub
	feed      *feed
	people    *people
	loop      *commit.Loop
	planner   *planner
	scalers   map[string]*scale.Scaler // of pools with a formula, by pool
	refresher *refresher
	statuses  statuses
	handler   http.Handler
	effects   *effect.Runner // of Run
	address   string         // of Run
	ready     chan struct{}
}

// New prepares a server over a directory and a store. It makes the CA, the API token and the join tokens that are not there
// yet. Close the store after Run has returned.
func New(c Config, st store.Store) (*Server, error) {
	c = c.WithDefaults()
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the server's directory")
	}
	s := &Server{config: c, store: st, feed: newFeed(), people: newPeople(), ready: make(chan struct{})}
	s.planner = newPlanner(s)
	s.refresher = &refresher{server: s, calls: map[refreshKey]*refreshCall{}}
	for _, prepare := range []func() error{s.openIdentity, s.openParts, s.openHandler} {
		if err := prepare(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Server) openIdentity() (err error) {
	if s.ca, err = identity.OpenCA(s.config.Dir); fault.KindOf(err) == fault.NotFound && err != nil {
		s.ca, err = identity.CreateCA(s.config.Dir)
	}
	if err != nil {
		return err
	}
	mine, err := s.credentials()
	if err != nil {
		return err
	}
	if s.ring, err = identity.NewKeyring(mine); err != nil {
		return err
	}
	if s.token, err = openToken(s.TokenFile()); err != nil {
		return err
	}
	if s.joins, err = join.OpenTable(filepath.Join(s.config.Dir, "join.json")); err != nil {
		return err
	}
	return s.mintTokens()
}

func (s *Server) credentials() (identity.Credentials, error) {
	name, err := os.Hostname()
	subject := identity.Subject{Role: identity.RoleServer, Name: name}
	if err != nil || subject.Validate() != nil {
		subject.Name = "server"
	}
	hosts := append([]string{name}, s.config.Hosts...)
	if host, _, err := net.SplitHostPort(s.config.Listen); err == nil && host != "" {
		if ip := net.ParseIP(host); ip == nil || !ip.IsUnspecified() {
			hosts = append(hosts, host)
		}
	}
	return s.ca.Issue(subject, hosts, serverCertLife)
}

func (s *Server) openParts() (err error) {
	if s.locations, err = s.config.locations(); err != nil {
		return err
	}
	s.catalog = catalog.New(s.locations)
	if s.logs, err = joblog.Open(filepath.Join(s.config.Dir, "logs"), int64(s.config.LogCap)); err != nil {
		return err
	}
	s.filers = newFilers(&s.config, s.ring)
	if s.machines, err = newMachines(&s.config, s.ca.PEM()); err != nil {
		return err
	}
	if s.scalers, err = openScalers(&s.config); err != nil {
		return err
	}
	s.loop = commit.New(commit.Config{Store: s.store, Farm: s.farmConfig, Committed: s.committed, Log: s.config.Log})
	s.hub = hub.New(hub.Config{
		Farm: s.loop, Catalog: s.catalog, CA: s.ca, Joins: s.joins, Logs: s.logs, Storage: s.config.mounts, Refresh: s.refresher.refresh,
		Heartbeat: time.Duration(s.config.Beat), Lease: time.Duration(s.config.Lease), CertLife: memberCertLife,
		Version: s.config.Version, Log: s.config.Log,
	})
	return nil
}

func (s *Server) farmConfig(epoch uint64) farm.Config {
	return farm.Config{
		Epoch: epoch, Lease: time.Duration(s.config.Lease), NewID: newID, Paths: s.catalog.Paths,
		Sites: s.config.sites(), Pools: s.config.shapes(),
	}
}

func (s *Server) openHandler() error {
	api, err := rest.New(rest.Config{
		Jobs: s, Fleet: s, Streams: s, Sharing: s, Door: s, Users: s, Ledger: s, Token: s.token, Web: s.config.Web, Version: s.config.Version, Commit: s.config.Commit, Log: s.config.Log,
	})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle(s.hub.Handler())
	mux.Handle("/", api)
	s.handler = mux
	return nil
}

// Dir returns where the server keeps its state.
func (s *Server) Dir() string { return s.config.Dir }

// CAFile returns the file of the CA's certificate, which clients trust.
func (s *Server) CAFile() string { return filepath.Join(s.config.Dir, "ca.pem") }

// TokenFile returns the file of the API's token.
func (s *Server) TokenFile() string { return filepath.Join(s.config.Dir, "admin.token") }

// CA returns the farm's authority.
func (s *Server) CA() *identity.CA { return s.ca }

// Mint makes a join token.
func (s *Server) Mint(g join.Grant) (string, error) { return s.joins.Mint(g, time.Now()) }

// Ready is closed when the server serves.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// URL returns how nodes and people reach the server, once it is ready.
func (s *Server) URL() string { return s.url() }

func (s *Server) url() string {
	if s.config.URL != "" {
		return strings.TrimRight(s.config.URL, "/")
	}
	return "https://" + s.address
}

// Run serves on the listener until ctx ends, then stops what depends first: streams and calls, effects and planning, and
// the commit loop last. It returns nil after an orderly end, and store.ErrDeposed when another server has taken over.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	s.address = listener.Addr().String()
	loopCtx, stopLoop := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLoop()
	workCtx, stopWork := context.WithCancel(ctx)
	defer stopWork()
	s.effects = effect.New(workCtx, effect.Config{
		Lanes: s.config.lanes(), Backoff: s.config.Backoff, Log: s.config.Log,
	})
	ended := make(chan error, 2)
	go func() { ended <- s.loop.Run(loopCtx) }()
	select {
	case <-s.loop.Ready():
	case err := <-ended:
		return errors.Join(err, listener.Close())
	case <-ctx.Done():
		stopLoop()
		return errors.Join(<-ended, listener.Close())
	}
	s.recall(ctx)

	var work sync.WaitGroup
	work.Go(func() { s.planner.run(workCtx) })
	work.Go(func() { s.sweep(workCtx) })
	work.Go(func() { s.renew(workCtx) })
	web := s.web()
	served := make(chan error, 1)
	go func() { served <- web.ServeTLS(listener, "", "") }()
	close(s.ready)

	var err error
	loopEnded := false
	select {
	case <-ctx.Done():
	case err = <-served:
	case err = <-ended:
		loopEnded = true
	}
	s.hangUp(web)
	stopWork()
	work.Wait()
	s.effects.Wait()
	s.filers.close()
	stopLoop()
	if !loopEnded {
		err = errors.Join(err, <-ended)
	}
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

func (s *Server) web() *http.Server {
	return &http.Server{
		Handler: s.handler, TLSConfig: s.ring.ServerTLS(false), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(s.config.Log.Handler(), slog.LevelDebug), // scanners and half-open peers
		HTTP2:    &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second, MaxConcurrentStreams: 1000},
	}
}

// hangUp ends all calls: streams at once, others when they are done or out of time.
func (s *Server) hangUp(web *http.Server) {
	s.hub.Close()
	s.feed.close()
	ctx, cancel := context.WithTimeout(context.Background(), hangUpWithin)
	defer cancel()
	if err := web.Shutdown(ctx); err != nil {
		_ = web.Close()
	}
}

// recall reads the newest events back, for screens that come back after a restart.
func (s *Server) recall(ctx context.Context) {
	last := uint64(0)
	if err := s.loop.View(ctx, func(f *farm.Farm) { last = f.LastSeq() }); err != nil {
		return
	}
	events, err := s.store.Events(ctx, last-min(last, recalled), recalled)
	if err != nil {
		s.config.Log.Warn("can't read events back", "error", err)
		return
	}
	s.feed.recall(events)
}

// renew replaces the server's certificate before it ends.
func (s *Server) renew(ctx context.Context) {
	for {
		select {
		case <-time.After(time.Until(s.ring.Current().RenewAt())):
		case <-ctx.Done():
			return
		}
		next, err := s.credentials()
		if err == nil {
			err = s.ring.Replace(next)
		}
		if err != nil {
			s.config.Log.Error("can't renew the server's certificate", "error", err)
			select {
			case <-time.After(time.Minute):
			case <-ctx.Done():
				return
			}
		}
	}
}
