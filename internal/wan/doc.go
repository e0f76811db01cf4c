// Package wan emulates a wide-area link between two sites on one machine, in either of two ways: TCP relays, which need no
// privilege, and packets between two TUN devices, each in a network namespace of its own, where the kernel's own TCP meets
// delay, a full queue and loss. Both share one path with a chosen round trip and bandwidth.
//
// A Link has two ends and a wire in each direction. What is sent is put on its wire in the order of arrival, whichever
// connection it belongs to: it is serialised at the wire's rate after all that came before it, then travels half the round
// trip. Delay is pipelined, so that any amount may be in flight.
//
// A relay loses nothing: what the wire cannot take yet stays in the sender's socket. Opening a connection costs a round
// trip. What is counted and paced is payload; a real link of the same rate carries some 4 % less of it. A tunnel carries and
// counts whole packets, and loses those that find the queue full.
//
// Lock order: Link.mu before wire.mu and gate.mu; none is held during I/O.
package wan
