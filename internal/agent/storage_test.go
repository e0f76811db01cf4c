package agent_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	agentv1 "github.com/spillway/spillway/api/spillway/agent/v1"
	filerv1 "github.com/spillway/spillway/api/spillway/filer/v1"
	"github.com/spillway/spillway/api/spillway/filer/v1/filerv1connect"
	"github.com/spillway/spillway/internal/agent/process"
	"github.com/spillway/spillway/internal/agent/supervise"
	"github.com/spillway/spillway/internal/identity"
)

// playMount stands for `spillway mount --control SOCKET HOST:PORT:/path DIR`: it shows the folder /path itself.
func playMount(ctx context.Context, args []string) error {
	source, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil || args[2] != "-" {
		return fmt.Errorf("the export is not on standard input: %w", err)
	}
	socket, path, dir := args[1], strings.TrimSpace(source[strings.Index(source, ":/")+1:]), args[3]
	root, err := fs.NewLoopbackRoot(path)
	if err != nil {
		return err
	}
	server, err := fs.Mount(dir, root, &fs.Options{MountOptions: fuse.MountOptions{DirectMount: os.Geteuid() == 0, Name: "test"}})
	if err != nil {
		return err
	}
	_ = os.Remove(socket)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			if _, err := bufio.NewReader(c).ReadString('\n'); err == nil {
				_, _ = io.WriteString(c, "ok\n")
			}
			_ = c.Close()
		}
	}()
	fmt.Println("ready {}")
	<-ctx.Done()
	return server.Unmount()
}

// fakeFiler opens sessions whose secret path is the folder itself.
type fakeFiler struct {
	filerv1connect.UnimplementedFilerServiceHandler
	nas    string
	opened atomic.Uint64
}

func (f *fakeFiler) OpenSession(_ context.Context, r *connect.Request[filerv1.OpenSessionRequest]) (*connect.Response[filerv1.OpenSessionResponse], error) {
	if r.Msg.Export != "/nas" {
		return nil, connect.NewError(connect.CodeNotFound, io.EOF)
	}
	return connect.NewResponse(&filerv1.OpenSessionResponse{SessionId: f.opened.Add(1), MountPath: f.nas}), nil
}

// throughFiler makes the farm's storage one that is mounted from a filer.
func (f *farm) throughFiler() *fakeFiler {
	f.t.Helper()
	if _, err := os.Stat("/dev/fuse"); err != nil || os.Geteuid() != 0 {
		f.t.Skip("needs /dev/fuse and root")
	}
	filer := &fakeFiler{nas: f.nas}
	mux := http.NewServeMux()
	mux.Handle(filerv1connect.NewFilerServiceHandler(filer))
	credentials, err := f.ca.Issue(identity.Subject{Role: identity.RoleFiler, Name: "edge"}, nil, time.Hour)
	if err != nil {
		f.t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	server := &http.Server{Handler: mux, TLSConfig: credentials.ServerTLS(true), ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.ServeTLS(listener, "", "")
	}()
	f.t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	f.config.StorageTimeout = 20 * time.Second
	f.config.Mount, f.config.StopWithAgent = "fuse", true
	f.storage = []*agentv1.StorageLocation{{Name: "nas", Filer: "edge", FilerControl: "https://" + listener.Addr().String(), FilerNfs: "127.0.0.1:1",
		Export: "/nas", Sources: []*agentv1.SourcePath{{Format: "POSIX", Path: "/studio"}}}}
	f.t.Cleanup(func() { _ = syscall.Unmount(filepath.Join(f.config.Dir, "mnt", "nas"), 2) })
	return filer
}

// mounted waits until the storage has been reported ready under a session and returns the mount's process.
func (f *farm) mounted(session uint64) process.Ident {
	f.t.Helper()
	f.wait("a mount", func() bool {
		for _, r := range f.reports {
			if m := r.GetMount(); m != nil && m.Phase == agentv1.MountPhase_MOUNT_PHASE_READY && m.MountSession == session && m.Kind == "fuse" {
				return true
			}
		}
		return false
	})
	var record struct {
		Mounted struct{ Process process.Ident }
	}
	if err := supervise.ReadJSON(filepath.Join(f.config.Dir, "mounts", "nas.json"), &record); err != nil || record.Mounted.Process.PID == 0 {
		f.t.Fatal(record, err)
	}
	return record.Mounted.Process
}

func TestMountOutlivesTheAgentAndIsAdopted(t *testing.T) {
	f := newFarm(t)
	filer := f.throughFiler()
	first := f.startProcess()
	mount := f.mounted(1)
	_ = first.Process.Kill()
	_ = first.Wait()
	f.disconnect(func() {}) // orders wait for the next agent
	if !mount.Alive() {
		t.Fatal("the mount died with the agent")
	}
	stop := f.start()
	f.job(`mkdir -p {{Param.Out}}; echo {{Param.Out}} > {{Param.Out}}/where.txt`)
	task := f.task("a1", &agentv1.OutputRule{Location: "nas", Path: "out/where.txt", Check: "exists"})
	task.GetRunTask().Refresh = []*agentv1.StoragePath{{Location: "nas", Path: "out"}}
	f.order(task)
	if end := f.ended("a1"); end.Cause != agentv1.EndCause_END_CAUSE_SUCCESS || len(end.Outputs) != 1 {
		t.Errorf("end = %v", end)
	}
	if got, want := f.awaitFile("out/where.txt"), filepath.Join(f.config.Dir, "mnt", "nas", "out")+"\n"; got != want {
		t.Errorf("the task was told %q, want %q", got, want)
	}
	if filer.opened.Load() != 1 {
		t.Errorf("%d sessions were opened", filer.opened.Load())
	}
	f.log("a1")

	// A fenced session: another one is opened and mounted.
	f.order(&agentv1.Order{Order: &agentv1.Order_Remount{Remount: &agentv1.Remount{Location: "nas", Reason: "fenced"}}})
	f.mounted(2)
	if mount.Alive() {
		t.Error("the fenced mount is still there")
	}
	stop()
	if data, _ := os.ReadFile("/proc/self/mountinfo"); strings.Contains(string(data), f.config.Dir) {
		t.Error("the mount is left")
	}
}

func TestMountThatHangs(t *testing.T) {
	f := newFarm(t)
	f.throughFiler()
	f.config.StorageTimeout = 8 * time.Second
	f.start()
	mount := f.mounted(1)
	f.job(`mkdir -p {{Param.Out}}; echo up > {{Param.Out}}/up; while :; do stat {{Param.Out}}/up > /dev/null; sleep 0.05; done`)
	f.order(f.task("a1"))
	f.awaitFile("out/up")
	if err := syscall.Kill(mount.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	beats := f.beats
	f.mu.Unlock()
	end := f.ended("a1")
	if end.Cause != agentv1.EndCause_END_CAUSE_STORAGE || !strings.Contains(end.Message, "storage nas: the storage did not answer within") {
		t.Errorf("end = %v", end)
	}
	f.mu.Lock()
	if f.beats-beats < 5 {
		t.Errorf("%d heartbeats while the mount hung", f.beats-beats)
	}
	failed := false
	for _, r := range f.reports {
		m := r.GetMount()
		failed = failed || m != nil && m.Phase == agentv1.MountPhase_MOUNT_PHASE_FAILED
	}
	f.mu.Unlock()
	if !failed {
		t.Error("no MountUpdate says that it failed")
	}
	f.log("a1")
	f.mounted(2) // it is mounted anew, and works
}
