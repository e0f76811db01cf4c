package rig

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spillway/spillway/test/kernel/wire"
)

// bootTime bounds how long a guest may take until it takes commands: it is 2 s on a machine with nothing else to do.
const bootTime = 90 * time.Second

// modules of the kernel that guests have: NFSv3 with locks, and FUSE.
const modules = "nfs,nfsv3,lockd,fuse"

// Guest is a machine with a kernel of its own.
type Guest struct {
	Name    string
	Address netip.Addr
	Root    string // the host's folder that is the guest's root file system

	cmd     *exec.Cmd
	done    chan struct{} // closed when the machine has ended
	console Log
}

// Options of a guest.
type Options struct {
	Name   string
	Memory int               // MiB
	Init   string            // the program test/kernel/guest
	Files  map[string]string // programs and files of the host to have in the guest's /opt, by name
}

// Boot starts a guest and waits until it takes commands.
func (n *Network) Boot(ctx context.Context, o Options) (*Guest, error) {
	software, err := softwareRoot()
	if err != nil {
		return nil, err
	}
	device, address, err := n.port()
	if err != nil {
		return nil, err
	}
	g := &Guest{Name: o.Name, Address: address.Addr(), done: make(chan struct{})}
	if g.Root, err = os.MkdirTemp(memory, o.Name+"-"); err != nil {
		return nil, err
	}
	if err := furnish(g.Root, software, o); err != nil {
		return nil, err
	}
	g.cmd = exec.Command(filepath.Join(software, "usr/bin/linux.uml"),
		fmt.Sprintf("mem=%dM", o.Memory), "umid="+o.Name, "uml_dir="+g.Root,
		"root=/dev/root", "rootfstype=hostfs", "rootflags="+g.Root, "rw", "init=/init",
		"con=null", "con0=null,fd:1", "quiet", "loglevel=4", "pty.legacy_count=0", "zswap.enabled=0", "panic=-1",
		"vec0:transport=tap,depth=128,gro=1,ifname="+device,
		"GUEST_NAME="+o.Name, "GUEST_ADDRESS="+address.String(), "GUEST_SOFTWARE="+software+"/usr", "GUEST_MODULES="+modules)
	g.cmd.Env = []string{"TMPDIR=" + memory, "HOME=" + g.Root, "PATH=/usr/bin:/bin"}
	g.cmd.Stderr = &g.console
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	ready := make(chan struct{})
	go g.follow(out, ready)
	ctx, cancel := context.WithTimeout(ctx, bootTime)
	defer cancel()
	select {
	case <-ready:
		return g, nil
	case <-g.done:
		err = errors.New("it ended")
	case <-ctx.Done():
		err = ctx.Err()
		g.kill()
	}
	return nil, fmt.Errorf("boot %s: %w; its console:\n%s", o.Name, err, g.Console())
}

// furnish makes the guest's root file system. All but /usr is the guest's own.
func furnish(root, software string, o Options) error {
	if err := os.Chmod(root, 0o755); err != nil { // it is the guest's root folder, for all its users
		return err
	}
	for _, dir := range []string{"dev", "proc", "sys", "tmp", "run", "usr", "opt", "mnt", "root", "etc", "var/lib/nfs/sm", "var/lib/nfs/sm.bak"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			return err
		}
	}
	for _, name := range []string{"bin", "sbin", "lib", "lib64"} {
		if err := os.Symlink("usr/"+name, filepath.Join(root, name)); err != nil {
			return err
		}
	}
	if err := os.Symlink("/proc/mounts", filepath.Join(root, "etc/mtab")); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"passwd":        "root:x:0:0:root:/root:/bin/sh\n_rpc:x:100:65534::/run/rpcbind:/bin/false\nstatd:x:101:65534::/var/lib/nfs:/bin/false\nnobody:x:65534:65534::/:/bin/false\n",
		"group":         "root:x:0:\nnogroup:x:65534:\n",
		"hosts":         "127.0.0.1 localhost\n" + Host + " host\n",
		"nsswitch.conf": "hosts: files\n",
		"protocols":     "tcp 6 TCP\nudp 17 UDP\n",
		"services":      "sunrpc 111/tcp portmapper\nsunrpc 111/udp portmapper\n",
		"rpc":           "portmapper 100000\nnfs 100003\nmountd 100005\nnlockmgr 100021\nstatus 100024\n",
	} {
		if err := os.WriteFile(filepath.Join(root, "etc", name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	files := map[string]string{"init": o.Init, "etc/netconfig": filepath.Join(software, "etc/netconfig")}
	for name, from := range o.Files {
		files["opt/"+name] = from
	}
	for name, from := range files {
		if err := copyFile(filepath.Join(root, name), from); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, info.Mode())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// follow reads the console until the machine ends.
func (g *Guest) follow(out io.Reader, ready chan struct{}) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), "\r")
		if line == wire.Ready && ready != nil {
			close(ready)
			ready = nil
			continue
		}
		fmt.Fprintln(&g.console, line)
	}
	_, _ = io.Copy(io.Discard, out)
	_ = g.cmd.Wait()
	close(g.done)
}

// Console returns what the guest's kernel has said.
func (g *Guest) Console() string { return g.console.String() }

// PowerOff ends the guest as a power failure would: nothing is synced or unmounted.
func (g *Guest) PowerOff() {
	if conn, err := net.DialTimeout("tcp", g.at(), time.Second); err == nil {
		_, _ = fmt.Fprintf(conn, "{\"args\":[%q]}\n", wire.PowerOff)
		select {
		case <-g.done:
		case <-time.After(3 * time.Second):
		}
		conn.Close()
	}
	g.kill()
}

func (g *Guest) at() string { return netip.AddrPortFrom(g.Address, wire.Port).String() }

// kill ends the machine's processes, and takes its files away.
func (g *Guest) kill() {
	_ = syscall.Kill(-g.cmd.Process.Pid, syscall.SIGKILL)
	<-g.done
	_ = os.RemoveAll(g.Root)
}
