package nodehelper

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"connectrpc.com/connect"

	filerv1 "github.com/spillway/spillway/api/spillway/filer/v1"
	"github.com/spillway/spillway/api/spillway/filer/v1/filerv1connect"
	"github.com/spillway/spillway/internal/agent/process"
	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/identity"
)

// sessionTimeout bounds OpenSession.
const sessionTimeout = 15 * time.Second

func (m *Mount) do(ctx context.Context) (*Mounted, error) {
	if err := os.MkdirAll(m.Dir, 0o755); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "make the mount point")
	}
	session, err := m.openSession(ctx)
	if err != nil {
		return nil, err
	}
	out := &Mounted{Session: session.SessionId}
	kernel := kernelClient()
	switch {
	case m.Kind == "kernel" && !kernel:
		return nil, fault.WithHint(fault.New(fault.Unavailable, "this machine has no NFS client that we may use"),
			"run as root and install the package nfs-common, or use --mount fuse")
	case m.Kind == "kernel", m.Kind == "auto" && kernel:
		out.Kind = "nfs"
		return out, m.mountKernel(ctx, session.MountPath)
	}
	out.Kind = "fuse"
	out.Process, err = m.mountFUSE(ctx, session.MountPath)
	return out, err
}

func (m *Mount) openSession(ctx context.Context) (*filerv1.OpenSessionResponse, error) {
	credentials, err := identity.LoadCredentials(m.Identity)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{TLSClientConfig: credentials.ClientTLS(identity.RoleFiler), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(ctx, sessionTimeout)
	defer cancel()
	client := filerv1connect.NewFilerServiceClient(&http.Client{Transport: transport}, m.Control)
	answer, err := client.OpenSession(ctx, connect.NewRequest(&filerv1.OpenSessionRequest{Export: m.Export, Key: m.Key, Epoch: m.Epoch}))
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "open a session at the filer "+m.Control)
	}
	return answer.Msg, nil
}

// kernelClient reports whether the kernel speaks NFS and we may mount: root, the file system (loaded or loadable), the
// mount program.
func kernelClient() bool {
	if os.Geteuid() != 0 {
		return false
	}
	if _, err := exec.LookPath("mount.nfs"); err != nil {
		return false
	}
	systems, err := os.ReadFile("/proc/filesystems")
	if err != nil || strings.Contains(string(systems), "\tnfs\n") {
		return err == nil
	}
	return exec.Command("modprobe", "-n", "-q", "nfs").Run() == nil
}

func (m *Mount) mountKernel(ctx context.Context, path string) error {
	host, port, err := net.SplitHostPort(m.NFS)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "the filer's address")
	}
	options := "vers=3,proto=tcp,port=" + port + ",mountport=" + port + ",mountproto=tcp,nolock,hard"
	output, err := exec.CommandContext(ctx, "mount", "-t", "nfs", "-o", options, host+":"+path, m.Dir).CombinedOutput()
	if err != nil {
		// The path is the session's secret: it must not get into a log.
		text := strings.ReplaceAll(strings.TrimSpace(string(output)), path, m.Export)
		return fault.New(fault.Unavailable, "mount -t nfs: %w: %s", err, text)
	}
	return nil
}

// mountFUSE starts `spillway mount` in a session of its own and waits until it says that it is ready.
func (m *Mount) mountFUSE(ctx context.Context, path string) (process.Ident, error) {
	if err := fuseAvailable(); err != nil {
		return process.Ident{}, err
	}
	log, err := os.OpenFile(m.Log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return process.Ident{}, fault.Wrap(fault.Internal, err, "start the mount")
	}
	defer log.Close()
	args := append(m.Command[1:len(m.Command):len(m.Command)], "mount", "--control", m.Socket)
	if m.CacheDir != "" {
		args = append(args, "--cache-dir", m.CacheDir, "--cache-size", strconv.FormatInt(m.CacheSize, 10))
	}
	cmd := exec.Command(m.Command[0], append(args, "-", m.Dir)...)
	cmd.Stdin = strings.NewReader(m.NFS + ":" + path + "\n") // a secret: process lists show arguments
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return process.Ident{}, fault.Wrap(fault.Internal, err, "start the mount")
	}
	// Noted before anything can take long: a helper that is killed must not leave a mount that nobody knows.
	id := process.Identify(cmd.Process.Pid)
	if err := writeIdent(m.PIDFile, id); err != nil {
		_ = cmd.Process.Kill()
		return process.Ident{}, fault.Wrap(fault.Exhausted, err, "note the mount's process")
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	for {
		select {
		case err := <-exited:
			return process.Ident{}, fault.New(fault.Unavailable, "the mount failed: %w: %s", err, lastLine(m.Log))
		case <-ctx.Done():
			_ = cmd.Process.Kill()
			return process.Ident{}, fault.Wrap(fault.Unavailable, context.Cause(ctx), "the mount is not ready")
		case <-time.After(20 * time.Millisecond):
		}
		mounted, err := isMounted(m.Dir)
		if err != nil || !mounted || !saidReady(m.Log) {
			continue
		}
		return id, nil
	}
}

func fuseAvailable() error {
	if _, err := os.Stat("/dev/fuse"); err != nil {
		return fault.WithHint(fault.Wrap(fault.Unavailable, err, "this machine has no FUSE"), "load the kernel module fuse, or give the container /dev/fuse")
	}
	if _, err := exec.LookPath("fusermount3"); err != nil && os.Geteuid() != 0 {
		return fault.WithHint(fault.New(fault.Unavailable, "fusermount3 is not installed"), "install the package fuse3")
	}
	return nil
}

// saidReady reports whether a daemon's output holds its ready line.
func saidReady(path string) bool {
	data, _ := os.ReadFile(path)
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "ready ") {
			return true
		}
	}
	return false
}

func lastLine(path string) string {
	data, _ := os.ReadFile(path)
	text := strings.TrimSpace(string(data))
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// do detaches without asking the file system anything: it may hang.
func (d *Detach) do() error {
	if mount := readIdent(d.PIDFile); mount.Alive() {
		_ = syscall.Kill(mount.PID, syscall.SIGTERM) // it unmounts by itself if it can
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for range 50 {
			if !mount.Alive() {
				break
			}
			<-tick.C
		}
		if mount.Alive() {
			_ = syscall.Kill(mount.PID, syscall.SIGKILL)
		}
	}
	mounted, err := isMounted(d.Dir)
	for range 8 { // mounts may lie over each other
		if err != nil || !mounted {
			break
		}
		if err = unmount(d.Dir); err == nil {
			mounted, err = isMounted(d.Dir)
		}
	}
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "detach "+filepath.Base(d.Dir))
	}
	_ = os.Remove(d.PIDFile)
	return nil
}

func writeIdent(path string, id process.Ident) error {
	data, err := json.Marshal(id)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

// readIdent returns the process that a file names; none if there is no such file or it is damaged.
func readIdent(path string) process.Ident {
	var id process.Ident
	if data, err := os.ReadFile(path); err != nil || json.Unmarshal(data, &id) != nil {
		return process.Ident{}
	}
	return id
}

func unmount(dir string) error {
	const lazily = 2 // MNT_DETACH, umount2(2)
	err := syscall.Unmount(dir, lazily)
	if err == nil {
		return nil
	}
	for _, tool := range []string{"fusermount3", "fusermount"} {
		if exec.Command(tool, "-u", "-z", dir).Run() == nil {
			return nil
		}
	}
	return err
}
