package rpc

import "sync"

// buffer is memory on loan from a pool.
type buffer struct {
	b     []byte
	class int // of the pool; -1 for one that is not kept
}

// pool lends buffers in a few sizes.
type pool struct {
	classes [4]sync.Pool
}

// classSize returns a class's size in bytes. The largest holds a WRITE of 1 MiB with its header.
func classSize(class int) int {
	return [...]int{4 << 10, 36 << 10, 272 << 10, 1<<20 + 64<<10}[class]
}

// get returns a buffer of n bytes of unspecified content.
func (p *pool) get(n int) *buffer {
	for class := range p.classes {
		if n > classSize(class) {
			continue
		}
		buf, _ := p.classes[class].Get().(*buffer)
		if buf == nil {
			buf = &buffer{b: make([]byte, classSize(class)), class: class}
		}
		buf.b = buf.b[:n]
		return buf
	}
	return &buffer{b: make([]byte, n), class: -1}
}

// put takes a buffer back; nil is allowed.
func (p *pool) put(buf *buffer) {
	if buf != nil && buf.class >= 0 {
		p.classes[buf.class].Put(buf)
	}
}

// grow returns a buffer that begins with the first n bytes of buf and has room for more, at least one.
func (p *pool) grow(buf *buffer, n, more int) *buffer {
	want := n + max(more, 1)
	if want <= cap(buf.b) {
		buf.b = buf.b[:want]
		return buf
	}
	bigger := p.get(want)
	copy(bigger.b, buf.b[:n])
	p.put(buf)
	return bigger
}
