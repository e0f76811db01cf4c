package web_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spillway/spillway/internal/server/rest"
	"github.com/spillway/spillway/web"
)

const token = "a-token-of-the-tests-0123456789"

var shots = flag.String("shots", "", "keep the browser test's screenshots in this folder")

// theServer is the real API and the real page over a scene, with a switch that makes it unreachable.
type theServer struct {
	http  *httptest.Server
	scene *scene
	away  atomic.Bool

	mu      sync.Mutex
	resumed []string // cursors with which event streams were opened
}

func serve(t *testing.T) *theServer {
	t.Helper()
	s := &theServer{scene: newScene()}
	f := s.scene.farm
	h, err := rest.New(rest.Config{
		Jobs: f, Fleet: f, Streams: f, Sharing: f, Door: f, Users: f, Ledger: f, Token: token, Version: "test", Web: web.FS(), Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.away.Load() && strings.HasPrefix(r.URL.Path, "/api/") {
			http.Error(w, "away", http.StatusBadGateway)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/events") {
			s.mu.Lock()
			s.resumed = append(s.resumed, r.URL.Query().Get("after"))
			s.mu.Unlock()
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		f.Cut()
		s.http.CloseClientConnections()
		s.http.Close()
	})
	return s
}

// command runs one line of the browser's script: a word, a frame, a node.
func (s *theServer) command(line string) error {
	word, frame, node := line, int64(0), ""
	if parts := strings.Fields(line); len(parts) > 1 {
		n, err := strconv.ParseInt(parts[1], 10, 64)
		if err != nil {
			return err
		}
		word, frame = parts[0], n
		if len(parts) > 2 {
			node = parts[2]
		}
	}
	switch word {
	case "leave":
		s.away.Store(true)
		s.scene.farm.Cut()
		return nil
	case "return":
		s.away.Store(false)
		return nil
	}
	return s.scene.do(word, frame, node)
}

// needs skips the test where there is no browser, and returns how to start one.
func needs(t *testing.T) (node, chromium string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("needs chromium and the built web app: no node")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if chromium, err = exec.LookPath(name); err == nil {
			break
		}
	}
	if _, missing := os.Stat("app/node_modules/playwright-core"); err != nil || missing != nil || !web.Built() {
		t.Skip("needs chromium and the built web app: apt-get install chromium; cd web/app && npm ci && npm run build")
	}
	return node, chromium
}

// TestPageInABrowser drives the real page in a real browser. web/app/browser/drive.mjs is the script: what it prints as
// "do …" happens on the farm, what it prints as "fail …" fails the test.
func TestPageInABrowser(t *testing.T) {
	node, chromium := needs(t)
	s := serve(t)
	pictures := *shots
	if pictures == "" {
		pictures = t.TempDir()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "browser/drive.mjs", s.http.URL, token, chromium, pictures, t.TempDir())
	cmd.Dir = "app"
	cmd.Stderr = os.Stderr
	cmd.WaitDelay = 5 * time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "do":
			answer := "ok"
			if err := s.command(rest); err != nil {
				answer = err.Error()
			}
			fmt.Fprintln(in, answer)
		case "fail":
			t.Error(rest)
		default:
			t.Log(lines.Text())
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the browser's script: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.ContainsFunc(s.resumed, func(after string) bool { return after != "" }) {
		t.Errorf("event streams were opened after %q: the page did not resume", s.resumed)
	}
}
