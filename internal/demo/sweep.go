package demo

import (
	"context"

	"github.com/spillway/spillway/internal/fault"
	"github.com/spillway/spillway/internal/provider/process"
)

// sweep ends every process that belongs to a demo in dir and detaches every mount below it: what a demo leaves behind
// that was itself killed, and the last net under an ordered stop. It returns what it found.
func sweep(dir string) (processes, mounts int, err error) {
	processes = len(process.FindByEnv(marker, dir))
	if err := process.EndByEnv(context.Background(), marker, dir, 0); err != nil {
		return processes, 0, fault.Wrap(fault.Internal, err, "end what a demo in "+dir+" left running")
	}
	mounts, err = process.DetachBelow(dir)
	return processes, mounts, err
}
