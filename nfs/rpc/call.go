package rpc

import (
	"net/netip"
	"os"

	"github.com/spillway/spillway/nfs/xdr"
)

// Call is a call that a server runs. Its Serve function decodes Args, appends the results to Out, and may add a payload
// or refuse the call.
type Call struct {
	XID       uint32
	Program   uint32
	Version   uint32
	Procedure uint32
	Conn      uint64         // the connection; never 0 and never used twice by one Server
	Peer      netip.AddrPort // invalid if the connection is neither TCP nor UDP
	Local     netip.AddrPort // the address that the peer called, where there is a Peer
	Datagram  bool           // the call came as a datagram: nothing proves that Peer has sent it
	Auth      *Auth          // never nil, shared by calls and never changed
	Args      xdr.Decoder    // aliases the record, which is void after Serve has returned
	Out       []byte         // results are appended here
	Status    uint32         // for the Done hook; the program's own

	conn    *conn
	ctx     *callContext
	program *Program
	leads   bool // it runs in its connection's leader
	slotted bool // it holds one of its connection's slots
	in      *buffer
	charged int64 // bytes taken from the server's payload budget
	lent    *buffer
	refusal *Error

	payload []byte
	file    *os.File
	offset  int64
	length  int
	release func()
}

// headRoom is the size of what stands before the results: record mark and accepted reply header.
const headRoom = 4 + 24

// keepOut is the largest Out in bytes that is kept for the next call: a page of READDIRPLUS of 64 KiB, as it grew.
const keepOut = 160 << 10

// reset makes the call ready for another one; Out keeps its memory.
func (c *Call) reset() {
	out := c.Out[:0]
	if cap(out) > keepOut {
		out = nil
	}
	*c = Call{Out: out, ctx: c.ctx}
}

// quick says whether the call may run in its connection's leader. What can only be refused is quick.
func (c *Call) quick() bool {
	return c.refusal != nil || c.program.Quick != nil && c.program.Quick(c.Procedure)
}

// Refuse makes the reply say that the call was not run. Results and payload are not sent.
func (c *Call) Refuse(stat AcceptStat) { c.refusal = &Error{Accept: stat} }

// Buffer returns n bytes of unspecified content that stay valid until the reply has been sent. A call lends one buffer:
// a second one makes the first void.
func (c *Call) Buffer(n int) []byte {
	if c.conn == nil { // a datagram: its reply is small and has no pool
		return make([]byte, n)
	}
	pool := &c.conn.srv.pool
	pool.put(c.lent)
	c.lent = pool.get(n)
	return c.lent.b
}

// SetPayload makes b, with its padding, the end of the reply. It must not change until release is called.
func (c *Call) SetPayload(b []byte, release func()) { c.payload, c.release = b, release }

// SetFile makes length bytes at the offset of f, with their padding, the end of the reply.
func (c *Call) SetFile(f *os.File, offset int64, length int, release func()) {
	c.file, c.offset, c.length, c.release = f, offset, length, release
}

// bodyLen returns the length of the payload in bytes.
func (c *Call) bodyLen() int {
	if c.file != nil {
		return c.length
	}
	return len(c.payload)
}
