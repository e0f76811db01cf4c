package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// Where the servers answer, in a network of their own.
const (
	ganeshaAddr = "127.0.0.1:22049"
	ganeshaMnt  = "127.0.0.1:22048"
	originAddr  = "127.0.0.1:22050"
	cacheAddr   = "127.0.0.1:22051"
	ceilingAddr = "127.0.0.1:22052"
	backAddr    = "127.0.0.1:22053"
)

// The servers' names in the table.
const (
	nameGanesha = "ganesha"
	nameCache   = "filer"
	namePosix   = "filer-posix"
	nameBack    = "filer-back" // writes back, names too
	nameCeiling = "ceiling"
)

// fleet is every process of a run.
type fleet struct {
	dir, data, binary string
	servers           []*server
	procs             []*exec.Cmd
}

// server is what is measured.
type server struct {
	name    string
	at      netip.AddrPort
	mount   string // HOST:PORT of MOUNT
	export  string
	pid     int
	origin  *server // what the server gets its files from over NFS
	status  string  // URL of the JSON status of a filer
	data    string  // the exported folder
	ceiling bool
	changes bool // only changes are measured

	files files
}

// start starts the servers whose names are wanted. Ganesha is left out, with the reason, where it cannot run.
func (f *fleet) start(ctx context.Context, want *regexp.Regexp) error {
	if want.MatchString(nameGanesha) {
		if err := f.startGanesha(ctx); err != nil {
			say("nfs-ganesha is not measured: %v", err)
		}
	}
	posix, err := f.startFiler(ctx, namePosix, originAddr, "127.0.0.1:22060", "posix:"+f.data, "")
	if err != nil {
		return err
	}
	cache, err := f.startFiler(ctx, nameCache, cacheAddr, "127.0.0.1:22061", "nfs:"+originAddr+"/export", "")
	if err != nil {
		return err
	}
	back, err := f.startFiler(ctx, nameBack, backAddr, "127.0.0.1:22062", "nfs:"+originAddr+"/export", ", usageModel: READ_WRITE, localDirectories: true")
	if err != nil {
		return err
	}
	cache.origin, back.origin, back.changes = posix, posix, true
	for _, s := range []*server{cache, back, posix} {
		if want.MatchString(s.name) {
			f.servers = append(f.servers, s)
		}
	}
	if want.MatchString(nameCeiling) {
		return f.startCeiling(ctx)
	}
	return nil
}

// launch starts a process whose output goes to a log.
func (f *fleet) launch(ctx context.Context, name string, args ...string) (*exec.Cmd, error) {
	out, err := os.Create(filepath.Join(f.dir, filepath.Base(name)+fmt.Sprint(len(f.procs))+".log"))
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	f.procs = append(f.procs, cmd)
	return cmd, nil
}

// stop ends the processes, the last one first.
func (f *fleet) stop() (err error) {
	for i := len(f.procs) - 1; i >= 0; i-- {
		cmd := f.procs[i]
		err = errors.Join(err, cmd.Process.Signal(syscall.SIGTERM))
		timer := time.AfterFunc(15*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // they were told to end: how they say so does not matter
		timer.Stop()
	}
	f.procs = nil
	return err
}

// answers waits until somebody listens.
func answers(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		nc, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		if err == nil {
			return nc.Close()
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

func (f *fleet) startFiler(ctx context.Context, name, listen, metrics, origin, more string) (*server, error) {
	conf := filepath.Join(f.dir, name+".yaml")
	// Ganesha trusts attributes for 60 s, so the filer does here too; its default is less. A tenth of the cache is more
	// than any workload writes: beyond that data are written back early, to the same disk.
	text := fmt.Sprintf("name: %s\nlisten: %s\nmetrics: %s\ncacheDir: %s\ncacheSize: 100GiB\nexports:\n  - {path: /export, origin: %q, verify: 60s%s}\n",
		name, listen, metrics, filepath.Join(f.dir, name), origin, more)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	cmd, err := f.launch(ctx, f.binary, "filer", "--config", conf)
	if err != nil {
		return nil, err
	}
	return &server{
		name: name, at: netip.MustParseAddrPort(listen), mount: listen, export: "/export", pid: cmd.Process.Pid,
		status: "http://" + metrics + "/status", data: f.data,
	}, answers(ctx, listen)
}

func (f *fleet) startCeiling(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd, err := f.launch(ctx, self, "-ceiling", filepath.Join(f.data, "big", "f0"))
	if err != nil {
		return err
	}
	f.servers = append(f.servers, &server{
		name: nameCeiling, at: netip.MustParseAddrPort(ceilingAddr), pid: cmd.Process.Pid, data: f.data, ceiling: true,
	})
	return answers(ctx, ceilingAddr)
}

// startGanesha starts rpcbind, without which ganesha does not come up, and ganesha.
func (f *fleet) startGanesha(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errors.New("it needs root")
	}
	for _, p := range []string{"ganesha.nfsd", "rpcbind"} {
		if _, err := exec.LookPath(p); err != nil {
			return fmt.Errorf("%w (scripts/packages bench installs it)", err)
		}
	}
	if _, err := f.launch(ctx, "rpcbind", "-f"); err != nil {
		return err
	}
	if err := answers(ctx, "127.0.0.1:111"); err != nil {
		return fmt.Errorf("rpcbind: %w", err)
	}
	conf := filepath.Join(f.dir, "ganesha.conf")
	if err := os.WriteFile(conf, []byte(ganeshaConf(f.data)), 0o600); err != nil {
		return err
	}
	logs := filepath.Join(f.dir, "ganesha.log")
	cmd, err := f.launch(ctx, "ganesha.nfsd", "-F", "-f", conf, "-L", logs, "-p", filepath.Join(f.dir, "ganesha.pid"))
	if err != nil {
		return err
	}
	if err := answers(ctx, ganeshaAddr); err != nil {
		said, _ := os.ReadFile(logs)
		return fmt.Errorf("it does not come up: %w\n%s", err, tail(string(said), 5))
	}
	f.servers = append(f.servers, &server{
		name: nameGanesha, at: netip.MustParseAddrPort(ganeshaAddr), mount: ganeshaMnt, export: f.data, pid: cmd.Process.Pid, data: f.data,
	})
	return nil
}

// ganeshaConf is a plain export for clients of any port, without the services that are not measured.
func ganeshaConf(dir string) string {
	return fmt.Sprintf(`
NFS_CORE_PARAM { Protocols = 3; NFS_Port = 22049; MNT_Port = 22048; Enable_NLM = false; Enable_RQUOTA = false; Enable_UDP = false; }
NFS_KRB5 { Active_krb5 = false; }
LOG { Default_Log_Level = WARN; }
EXPORT {
	Export_Id = 1; Path = %q; Pseudo = /export; Protocols = 3; Transports = TCP; SecType = sys;
	Access_Type = RW; Squash = No_Root_Squash; PrivilegedPort = false;
	MaxRead = 1048576; MaxWrite = 1048576; PrefRead = 1048576; PrefWrite = 1048576;
	FSAL { Name = VFS; }
}
`, dir)
}

func tail(s string, lines int) string {
	all := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// calls returns how many NFS calls a filer has served.
func (s *server) calls(ctx context.Context) (uint64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.status, http.NoBody)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	var v struct {
		Exports []struct {
			Calls uint64 `json:"calls"`
		} `json:"exports"`
	}
	if err := json.NewDecoder(res.Body).Decode(&v); err != nil {
		return 0, err
	}
	var n uint64
	for _, e := range v.Exports {
		n += e.Calls
	}
	return n, nil
}
