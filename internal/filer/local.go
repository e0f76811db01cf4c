package filer

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spillway/spillway/api/spillway/filer/v1/filerv1connect"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
)

// localSocket is where the control service answers people on the filer's own machine: whoever may open it, which is the
// user that the filer runs as and root, may do what the server may. It needs no certificate and no farm.
const localSocket = "control"

// maxSocketPath is the longest path of a Unix socket (unix(7)).
const maxSocketPath = 107

// listenLocal opens the local control socket of a cache directory; nil if its path is too long for one. The caller holds
// the cache directory: a socket that is there was left by a filer that is no more.
func (f *Filer) listenLocal(ctx context.Context) (net.Listener, error) {
	at := filepath.Join(f.cfg.CacheDir, localSocket)
	if len(at) > maxSocketPath {
		f.log.Warn("the path of the cache directory is too long for a control socket: commands on this machine will not reach the filer", "path", at)
		return nil, nil
	}
	if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(fault.Unavailable, err, "control socket")
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", at)
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "control socket")
	}
	if err := os.Chmod(at, 0o600); err != nil { // the directory is closed to others already
		l.Close()
		return nil, fault.Wrap(fault.Unavailable, err, "control socket")
	}
	return l, nil
}

// localControl returns the handler of the control service for whoever may open the local socket.
func (f *Filer) localControl() http.Handler {
	return control{f, true}.handler(func(*http.Request) (identity.Subject, error) {
		return identity.Subject{Role: identity.RoleServer, Name: "local"}, nil
	})
}

// DialLocal returns a client of the filer that runs over a cache directory on this machine. Nothing is sent yet; LocalError
// tells what went wrong with a call.
func DialLocal(cacheDir string) (filerv1connect.FilerServiceClient, func()) {
	transport := localTransport(cacheDir)
	return filerv1connect.NewFilerServiceClient(&http.Client{Transport: transport}, "http://filer"), transport.CloseIdleConnections
}

func localTransport(cacheDir string) *http.Transport {
	at := filepath.Join(cacheDir, localSocket)
	return &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", at)
		},
		IdleConnTimeout: time.Minute,
	}
}

// local serves people on the filer's own machine: the control service, and the status with all that the filer counts.
func (f *Filer) local() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", f.localControl())
	mux.HandleFunc("GET /status", f.serveStatus)
	return mux
}

// LocalStatus returns the status of the filer that runs over a cache directory on this machine.
func LocalStatus(ctx context.Context, cacheDir string) (Status, error) {
	transport := localTransport(cacheDir)
	defer transport.CloseIdleConnections()
	s, err := FetchStatus(ctx, &http.Client{Transport: transport}, "http://filer/status")
	return s, LocalError(cacheDir, err)
}

// FetchStatus reads a filer's /status.
func FetchStatus(ctx context.Context, client *http.Client, url string) (s Status, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return s, fault.Wrap(fault.Invalid, err, "the filer's address")
	}
	res, err := client.Do(req)
	if err != nil {
		return s, fault.Wrap(fault.Unavailable, err, "the filer's status")
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return s, fault.New(fault.Unavailable, "the filer's status: %s", res.Status)
	}
	if err := json.NewDecoder(res.Body).Decode(&s); err != nil {
		return s, fault.Wrap(fault.Unavailable, err, "the filer's status")
	}
	return s, nil
}

// LocalError classifies an error of a local filer's control service.
func LocalError(cacheDir string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return fault.WithHint(fault.Wrap(fault.Unavailable, err, "no filer answers over "+cacheDir),
			"is it running, and with this cache directory? Give --cache-dir or --config as it got them, and run this as its user or root")
	}
	return rpcFault(err, "filer")
}
