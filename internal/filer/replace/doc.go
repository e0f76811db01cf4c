// Package replace decides which pieces of a cache make room for new ones. It is pure: what a piece is, and how it goes, is
// its owner's affair.
//
// A render farm's cache meets two kinds of reader at once: frames that need the same textures again and again, and somebody
// who streams through more than the cache can hold. Under least-recently-used the second drives out what the first needs.
// So a new piece is on probation, in a queue of its own, and only what is read again while it is there is kept (S3-FIFO:
// Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023, here with pieces of unlike sizes). Among the
// kept ones the hand of a clock passes: what was used since it last came by stays. A piece that went on probation and is
// wanted again soon is kept at once, which is how a new working set gets in past an old one.
//
// "Read again" counts bytes, not calls or time: whoever streams through a piece reads each of its bytes once, however many
// calls that takes and however slowly it goes.
package replace
