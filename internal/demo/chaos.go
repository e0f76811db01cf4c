package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/api/restv1"
	"github.com/spillway/spillway/internal/client"
	"github.com/spillway/spillway/internal/fault"
)

// havoc is what chaos did to the farm, and what came of it.
type havoc struct {
	f   *farm
	job string

	Node      string // the burst node that lost its power
	Frame     int
	Truncated string // the file that it was writing
	Size      int64  // bytes of it that had reached the NAS
}

// wreak stops the power of one burst node while it writes a frame, and then of the cloud filer, which is started again.
func (h *havoc) wreak(ctx context.Context) error {
	if err := h.killWriter(ctx); err != nil {
		return err
	}
	old := h.f.part("cloud-filer")
	old.kill()
	h.f.tell.say("chaos", "killed the cloud filer")
	if _, err := h.f.restart(context.WithoutCancel(ctx), old); err != nil {
		return err
	}
	h.f.tell.say("chaos", "the cloud filer is back, on the same cache")
	return nil
}

// killWriter waits for a frame that a burst node begins to write on the NAS, stops every process of that node in the
// middle of it, looks whether the file is truncated, and then kills them. A file that was whole already is let go on, and
// the next one is waited for.
func (h *havoc) killWriter(ctx context.Context) error {
	watch, err := newFolderWatch(h.f.c.outDir())
	if err != nil {
		return fault.Wrap(fault.Internal, err, "watch the NAS folder")
	}
	defer watch.close()
	for {
		name, err := watch.next(ctx)
		if err != nil {
			return fault.New(fault.Internal, "chaos: no burst node was caught in the middle of a frame: %w", err)
		}
		frame, ok := frameOf(name)
		if !ok {
			continue
		}
		node, err := h.burstNodeOf(ctx, frame)
		if err != nil {
			return err
		}
		if node == "" {
			continue // the studio's own
		}
		caught, err := h.strike(ctx, node, frame, filepath.Join(h.f.c.outDir(), name))
		if err != nil || caught {
			return err
		}
	}
}

// strike freezes the node, and kills it if the file is not whole.
func (h *havoc) strike(ctx context.Context, node string, frame int, path string) (bool, error) {
	if err := h.f.burst.Freeze(node); err != nil {
		return false, err
	}
	size, err := settled(ctx, path)
	if err != nil {
		return false, errors.Join(err, h.f.burst.Thaw(node))
	}
	if _, err := decode(path); err == nil {
		return false, h.f.burst.Thaw(node)
	}
	if err := h.f.burst.Kill(node); err != nil {
		return false, err
	}
	h.Node, h.Frame, h.Truncated, h.Size = node, frame, path, size
	h.f.tell.say("chaos", "cut the power of %s in the middle of frame %d: %s on the NAS has %d bytes and does not decode", node, frame, filepath.Base(path), size)
	return true, nil
}

// burstNodeOf returns the burst node that renders a frame, or "".
func (h *havoc) burstNodeOf(ctx context.Context, frame int) (string, error) {
	attempts, err := h.f.api.Attempts(ctx, h.job, client.AttemptQuery{Unit: int64(frame - 1), Limit: 1})
	if err != nil || len(attempts) == 0 || attempts[0].Site != cloudSite {
		return "", err
	}
	return attempts[0].Node, nil
}

// settled waits until no more bytes arrive at the file (what was on the link when its writer stopped) and returns its size.
func settled(ctx context.Context, path string) (int64, error) {
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	for last := int64(-1); ; {
		info, err := os.Stat(path)
		if err != nil {
			return 0, err
		}
		if info.Size() == last {
			return last, nil
		}
		last = info.Size()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// frameOf reads the number out of frame_NNNN.png.
func frameOf(name string) (int, bool) {
	digits, ok := strings.CutPrefix(strings.TrimSuffix(name, ".png"), "frame_")
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil
}

// report tells what became of the damage, or what is wrong about it: the truncated file must be gone, the dead node's
// mount session fenced, and a second attempt must have brought the frame home.
func (h *havoc) report(r *run) error {
	var dead, second *restv1.Attempt
	for i := range r.attempts {
		a := &r.attempts[i]
		switch {
		case a.Step != 0 || a.Unit != int64(h.Frame-1):
		case a.Node == h.Node && a.State == "lost":
			dead = a
		case a.State == "succeeded":
			second = a
		}
	}
	switch {
	case dead == nil:
		return fault.New(fault.Internal, "chaos: no attempt at frame %d was lost with %s", h.Frame, h.Node)
	case second == nil || second.Number <= dead.Number:
		return fault.New(fault.Internal, "chaos: no second attempt at frame %d succeeded", h.Frame)
	case len(dead.Removed) == 0:
		return fault.New(fault.Internal, "chaos: the truncated frame %d was not removed after the fence", h.Frame)
	}
	h.f.tell.say("chaos", "left on the NAS: %s, %d bytes, truncated; removed after the fence (%d bytes)", filepath.Base(h.Truncated), h.Size, dead.Removed[0].Size)
	h.f.tell.say("chaos", "fenced: the mount session of %s (%s)", h.Node, dead.Reason)
	h.f.tell.say("chaos", "attempt %d at frame %d succeeded on %s", second.Number, h.Frame, second.Node)
	return nil
}

// folderWatch tells of files that appear in a folder.
type folderWatch struct {
	fd   int
	left []byte
	buf  [4096]byte
}

func newFolderWatch(dir string) (*folderWatch, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, err
	}
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_CREATE); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &folderWatch{fd: fd}, nil
}

func (w *folderWatch) close() { unix.Close(w.fd) }

// next returns the name of the next file that appears (inotify(7): a header of 16 bytes, then the name, padded with zeros).
func (w *folderWatch) next(ctx context.Context) (string, error) {
	const header = unix.SizeofInotifyEvent
	for len(w.left) < header {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		if _, err := unix.Poll([]unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}}, 200); err != nil && !errors.Is(err, unix.EINTR) {
			return "", err
		}
		n, err := unix.Read(w.fd, w.buf[:])
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return "", err
		}
		w.left = w.buf[:n]
	}
	size := int(uint32(w.left[12]) | uint32(w.left[13])<<8 | uint32(w.left[14])<<16 | uint32(w.left[15])<<24)
	if header+size > len(w.left) {
		return "", fmt.Errorf("inotify: short event")
	}
	name := strings.TrimRight(string(w.left[header:header+size]), "\x00")
	w.left = w.left[header+size:]
	return name, nil
}
