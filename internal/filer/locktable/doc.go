// Package locktable decides who has which advisory lock: byte ranges of files, shared or exclusive, with POSIX rules, waits in
// their order of arrival, and share reservations. It knows neither network nor clock and does no I/O. A Table is not safe
// for concurrent use.
//
// Taking a lock has two steps, so that something can be done in between (ask the storage, tell the client) without losing
// what the owner held before. [Table.Claim] puts the claim in the way of others, or queues it; a claim that is ready, at
// once or when it leaves the queue, ends with [Table.Settle], which makes it a lock, or with [Table.Withdraw].
package locktable
