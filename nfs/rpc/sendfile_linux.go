package rpc

import (
	"errors"

	"golang.org/x/sys/unix"
)

// sendFile sends head and then the call's range of a file. The range's offset is explicit, so calls may share the file.
// MSG_MORE lets head leave in one segment with the first bytes of the file.
func (c *conn) sendFile(head []byte, call *Call) error {
	c.allow()
	var failed error
	err := c.raw.Write(func(fd uintptr) bool {
		for len(head) > 0 {
			n, err := unix.SendmsgN(int(fd), head, nil, nil, unix.MSG_MORE|unix.MSG_NOSIGNAL)
			if wait, fatal := blocked(err); wait || fatal {
				failed = ifFatal(err, fatal)
				return !wait
			}
			head = head[max(n, 0):]
		}
		return true
	})
	if err != nil || failed != nil {
		return firstError(failed, err)
	}
	return c.sendRange(int(call.file.Fd()), call.offset, call.length)
}

// sendRange sends length bytes of a file; each piece that the peer takes renews its time.
func (c *conn) sendRange(file int, offset int64, length int) error {
	var failed error
	for length > 0 {
		c.allow()
		err := c.raw.Write(func(fd uintptr) bool {
			n, err := unix.Sendfile(int(fd), file, &offset, length)
			if n > 0 {
				length -= n
				return true
			}
			wait, fatal := blocked(err)
			failed = ifFatal(err, fatal)
			if err == nil {
				failed = ErrShortFile
			}
			return !wait
		})
		if err != nil || failed != nil {
			return firstError(failed, err)
		}
	}
	return nil
}

// blocked says whether a system call must wait for the socket, or has failed for good; after EINTR it is neither.
func blocked(err error) (wait, fatal bool) {
	wait = errors.Is(err, unix.EAGAIN)
	return wait, err != nil && !wait && !errors.Is(err, unix.EINTR)
}

func ifFatal(err error, fatal bool) error {
	if fatal {
		return err
	}
	return nil
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
