package filer

import (
	"context"
	"net"
	"sync"
	"time"
)

// wire is the way to a server in memory, under virtual time: it delays what it carries, can be cut, when connections end
// and new ones are refused, and frozen, when nothing is heard of the other side any more.
type wire struct {
	mu     sync.Mutex
	accept chan net.Conn // guarded by mu, as are: nil while nobody listens
	delay  time.Duration // one way
	cut    bool
	thawed chan struct{} // nil unless frozen
	lose   func() bool   // asked before something of the far end is delivered: the connection ends instead; nil: never
	open   map[net.Conn]struct{}
	work   sync.WaitGroup
}

// deadAfter is when TCP gives a silent peer up (nfs/rpc, userTimeout).
const deadAfter = 90 * time.Second

func newWire() *wire { return &wire{open: map[net.Conn]struct{}{}} }

// listen returns a listener at the far end, in place of the one before.
func (w *wire) listen() net.Listener {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.accept = make(chan net.Conn, 64)
	return &farEnd{w: w, accept: w.accept, closed: make(chan struct{})}
}

func (w *wire) set(change func(*wire)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
}

// cutOff ends all connections and refuses new ones until restore.
func (w *wire) cutOff() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
	for c := range w.open {
		c.Close()
	}
}

// freeze lets nothing through, without a sign, until restore.
func (w *wire) freeze() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.thawed == nil {
		w.thawed = make(chan struct{})
	}
}

func (w *wire) restore() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = false
	if w.thawed != nil {
		close(w.thawed)
		w.thawed = nil
	}
}

// close ends everything and waits for it.
func (w *wire) close() {
	w.cutOff()
	w.restore()
	w.work.Wait()
}

// dial is the near end's; it is an nfs client's Dialer.
func (w *wire) dial(ctx context.Context, _ string) (net.Conn, error) {
	w.mu.Lock()
	thawed := w.thawed
	w.mu.Unlock()
	if thawed != nil { // no answer to the SYN
		timeout := time.NewTimer(10 * time.Second)
		defer timeout.Stop()
		select {
		case <-thawed:
		case <-timeout.C:
			return nil, context.DeadlineExceeded
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut || w.accept == nil {
		return nil, net.ErrClosed
	}
	near, nearRelay := net.Pipe()
	far, farRelay := net.Pipe()
	select {
	case w.accept <- far:
	default:
		return nil, net.ErrClosed
	}
	w.open[nearRelay], w.open[farRelay] = struct{}{}, struct{}{}
	w.carry(nearRelay, farRelay, false)
	w.carry(farRelay, nearRelay, true)
	return near, nil
}

// packet is what was read at one end and is due at the other.
type packet struct {
	due  time.Time
	data []byte
}

// carry moves what one end sends to the other; replies is the way from the far end. Called with mu held.
func (w *wire) carry(from, to net.Conn, replies bool) {
	queue, ended := make(chan packet, 4096), make(chan struct{})
	w.work.Go(func() {
		defer close(queue)
		for {
			buf := make([]byte, 64<<10)
			n, err := from.Read(buf)
			if err != nil {
				return
			}
			w.mu.Lock()
			due := time.Now().Add(w.delay)
			w.mu.Unlock()
			select {
			case queue <- packet{due, buf[:n]}:
			case <-ended:
				return
			}
		}
	})
	w.work.Go(func() {
		defer close(ended)
		defer w.hangUp(from, to)
		for p := range queue {
			if !w.arrives(p.due) || replies && w.loses() {
				return
			}
			if _, err := to.Write(p.data); err != nil {
				return
			}
		}
	})
}

// arrives waits until what is due may be delivered; false when the connection is dead by then.
func (w *wire) arrives(due time.Time) bool {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	<-timer.C
	dead := time.NewTimer(deadAfter)
	defer dead.Stop()
	for {
		w.mu.Lock()
		thawed := w.thawed
		w.mu.Unlock()
		if thawed == nil {
			return true
		}
		select {
		case <-thawed:
		case <-dead.C:
			return false
		}
	}
}

func (w *wire) loses() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lose != nil && w.lose()
}

func (w *wire) hangUp(ends ...net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range ends {
		c.Close()
		delete(w.open, c)
	}
}

// farEnd is the listener of a wire.
type farEnd struct {
	w      *wire
	accept chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *farEnd) Accept() (net.Conn, error) {
	select {
	case c := <-l.accept:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *farEnd) Close() error {
	l.once.Do(func() {
		l.w.mu.Lock()
		defer l.w.mu.Unlock()
		close(l.closed)
		if l.w.accept == l.accept {
			l.w.accept = nil
		}
		for drained := false; !drained; {
			select {
			case c := <-l.accept:
				c.Close()
			default:
				drained = true
			}
		}
	})
	return nil
}

func (l *farEnd) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 2049} }
