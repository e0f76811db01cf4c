package process

import (
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Starter starts commands that die with this process.
//
// The kernel delivers a parent-death signal when the *thread* that forked ends (prctl(2), PR_SET_PDEATHSIG), and Go ends
// threads as it likes; so one locked thread, which lives until Close, forks them all.
type Starter struct {
	calls chan start
	done  chan struct{}
}

type start struct {
	cmd    *exec.Cmd
	answer chan error
}

// NewStarter returns a Starter; Close ends its thread, and with it whatever it started and still runs.
func NewStarter() *Starter {
	s := &Starter{calls: make(chan start), done: make(chan struct{})}
	go s.serve()
	return s
}

func (s *Starter) serve() {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
	defer close(s.done)
	for c := range s.calls {
		c.answer <- c.cmd.Start()
	}
}

// Start starts cmd as the leader of a new session and process group, killed when this process dies, inside leaf if that
// is not nil.
func (s *Starter) Start(cmd *exec.Cmd, leaf *Leaf) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if leaf != nil {
		if err := leaf.renew(); err != nil {
			return err
		}
		fd, err := unix.Open(leaf.dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		cmd.SysProcAttr.UseCgroupFD, cmd.SysProcAttr.CgroupFD = true, fd
	}
	c := start{cmd, make(chan error, 1)}
	s.calls <- c
	return <-c.answer
}

// Close ends the thread.
func (s *Starter) Close() {
	close(s.calls)
	<-s.done
}

// Adopt makes this process the reaper of descendants whose parents end (prctl(2), PR_SET_CHILD_SUBREAPER).
func Adopt() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) }
