// Package nlm is the Network Lock Manager protocol of NFSv3, version 4 (X/Open C702 chapter 14, RFC 1813 appendix II):
// codec, server and client.
//
// A server is a [Procedures]; its Program answers beside NFS. In each call the cookie is the caller's and comes back with
// the answer. The asynchronous forms (TEST_MSG and so on) are acknowledged at once, and their outcome goes to the caller's
// own lock manager in a call of its own (TEST_RES and so on): Procedures.Reply sends it.
package nlm
