// Package wan emulates a wide-area link between two sites on one machine: TCP relays that share one path with a chosen
// round trip and bandwidth.
//
// A Link has two ends and a wire in each direction. A chunk that a relay reads is put on its wire in the order of
// arrival, whichever connection it belongs to: it is serialised at the wire's rate after all that came before it, then
// travels half the round trip. Delay is pipelined, so that any amount may be in flight; what the wire cannot take yet
// stays in the sender's socket, as it would behind a full queue. Opening a connection costs a round trip. Loss is not
// emulated: Cut and Heal freeze and thaw the link instead.
//
// What is counted and paced is payload; a real link of the same rate carries some 4 % less of it.
//
// Lock order: Link.mu before wire.mu and gate.mu; none is held during I/O.
package wan
