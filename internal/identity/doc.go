// Package identity says who is who in a farm: a small certificate authority, the names it gives to servers, agents and
// filers, the TLS configurations they meet with, and the one-time tokens they join with.
//
// A certificate names its holder in one URI, spillway://ROLE/NAME. Peers trust the farm's CA and that name; the address
// they dialled proves nothing, because nodes reach filers and servers through relays and tunnels. The CA is ECDSA P-256
// with the standard library's crypto alone. Certificates are short-lived; there is no revocation list: a node that must
// go is refused by the server's records and not renewed.
package identity
