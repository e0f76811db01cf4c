package load

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/spillway/spillway/nfs/xdr"
)

// Ceiling answers every request of Read with bytes of the file by sendfile, and does nothing else that a server does: no
// handle, no attributes, no cache. What it reaches is what this machine can reach. It returns when ctx ends.
func Ceiling(ctx context.Context, l net.Listener, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		nc, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		socket, err := nc.(*net.TCPConn).File() // a blocking descriptor of our own
		nc.Close()
		if err != nil {
			return err
		}
		go func() {
			defer socket.Close()
			answer(int(socket.Fd()), int(f.Fd()))
		}()
	}
}

// answer serves one connection until it ends. Requests of one size follow one another, as Read sends them.
func answer(socket, file int) {
	in := make([]byte, 64<<10)
	have := 0
	for {
		n, err := unix.Read(socket, in[have:])
		if err != nil && !errors.Is(err, unix.EINTR) || err == nil && n == 0 {
			return
		}
		have += max(n, 0)
		b := in[:have]
		for len(b) >= 4 {
			size := 4 + int(binary.BigEndian.Uint32(b)&^(1<<31))
			if len(b) < size {
				break
			}
			if reply(socket, file, b[:size]) != nil {
				return
			}
			b = b[size:]
		}
		have = copy(in, b)
	}
}

// reply answers one READ: offset and count are its last twelve bytes.
func reply(socket, file int, request []byte) error {
	if len(request) < len(template())+12 {
		return io.ErrUnexpectedEOF
	}
	tail := request[len(request)-12:]
	offset, count := int64(binary.BigEndian.Uint64(tail)), int(binary.BigEndian.Uint32(tail[8:]))
	const head = 24 + 4 + 4 + 12 // reply, status, no attributes; count, end of file, length
	b := xdr.AppendUint32(make([]byte, 0, 4+head), 1<<31|uint32(head+count))
	b = append(b, request[4:8]...)
	for _, v := range []uint32{1, 0, 0, 0, 0, 0, 0, uint32(count), 0, uint32(count)} {
		b = xdr.AppendUint32(b, v)
	}
	if _, err := unix.SendmsgN(socket, b, nil, nil, unix.MSG_MORE|unix.MSG_NOSIGNAL); err != nil {
		return err
	}
	for count > 0 {
		n, err := unix.Sendfile(socket, file, &offset, count)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		case n == 0:
			return io.ErrUnexpectedEOF
		}
		count -= max(n, 0)
	}
	return nil
}
