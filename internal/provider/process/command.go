package process

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/spillway/spillway/internal/provider"
)

// prepare writes what the command reads, and last the record.
func (p *Provider) prepare(rec record, spec provider.Spec) error {
	dir := p.dir(rec.Name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "join.token"), []byte(spec.Token+"\n"), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), spec.CA, 0o600); err != nil {
		return err
	}
	return p.write(rec)
}

// start runs the command in a session of its own; its output goes to NAME.log beside the machine's directory. The machine
// outlives the call, and this process.
func (p *Provider) start(ctx context.Context, rec record, spec provider.Spec) error {
	log, err := os.OpenFile(p.dir(rec.Name)+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	argv := p.expand(spec)
	cmd := exec.CommandContext(context.WithoutCancel(ctx), argv[0], argv[1:]...)
	cmd.Dir = p.dir(rec.Name)
	cmd.Env = append(append(os.Environ(), p.c.Env...), Variable+"="+rec.ID)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { // reap it
		err := cmd.Wait()
		p.c.Log.Info("a machine's agent has ended", "machine", rec.Name, "err", err)
	}()
	return nil
}

// expand fills the command's variables in.
func (p *Provider) expand(spec provider.Spec) []string {
	dir := p.dir(spec.Name)
	fill := strings.NewReplacer(
		"${name}", spec.Name, "${pool}", spec.Pool, "${site}", spec.Site, "${server}", spec.Server, "${dir}", dir,
		"${token}", filepath.Join(dir, "join.token"), "${ca}", filepath.Join(dir, "ca.pem"),
		"${vcpus}", strconv.FormatFloat(spec.VCPUs, 'f', -1, 64),
		"${memory}", strconv.FormatUint(spec.Memory, 10),
		"${cpu}", strconv.Itoa(p.c.CPUs[max(spec.Index, 0)%len(p.c.CPUs)]),
	)
	argv := make([]string, len(p.c.Command))
	for i, a := range p.c.Command {
		argv[i] = fill.Replace(a)
	}
	return argv
}
