package filer

import "github.com/spillway/spillway/nfs"

// chain tells our own changes of one file or directory from other people's.
//
// While changes of ours are in flight, each reply brings the state before and after (RFC 1813 §2.6). Replies overtake
// each other, so the pairs are kept until they connect to the state known when the first change began. When the last
// change has ended and a pair is left over, or an attribute reply showed a state that no pair explains, somebody else
// changed the file in between.
type chain struct {
	inflight int
	from     nfs.PreAttr // the base: the state when the first one began
	at       nfs.PreAttr // how far the pairs connect from the base
	base     bool        // at is known
	broken   bool
	permits  bool // some of them may change who may do what
	edges    []stateEdge
	visited  map[nfs.PreAttr]struct{} // states explained so far
	seen     map[nfs.PreAttr]struct{} // states that other replies showed meanwhile
}

type stateEdge struct{ before, after nfs.PreAttr }

// chainMemory bounds the states remembered over a long run of overlapping changes; beyond it the cached data are dropped
// at the end, which costs a fetch but is never wrong.
const chainMemory = 1 << 15

// begin counts a change in. known says whether state is what the file is believed to be.
func (c *chain) begin(state nfs.PreAttr, known bool) {
	c.inflight++
	if c.inflight > 1 {
		return
	}
	*c = chain{inflight: 1, from: state, at: state, base: known, broken: !known, visited: map[nfs.PreAttr]struct{}{state: {}}, seen: map[nfs.PreAttr]struct{}{}}
}

// see notes a state that a reply showed while changes are in flight.
func (c *chain) see(state nfs.PreAttr) {
	if len(c.seen) < chainMemory {
		c.seen[state] = struct{}{}
	} else {
		c.broken = true
	}
}

// end counts a change out. Without both attributes the change explains nothing and breaks the chain, unless it failed
// before it reached the file. It reports true when this was the last change in flight.
func (c *chain) end(wcc nfs.WccData, untouched bool) (last bool) {
	c.inflight--
	switch {
	case wcc.Before.Present && wcc.After.Present:
		if after := wcc.After.Attr.Pre(); after != wcc.Before.Attr {
			c.edges = append(c.edges, stateEdge{wcc.Before.Attr, after})
		} else if after != c.at {
			c.see(after)
		}
	case untouched:
	default:
		c.broken = true
	}
	c.advance()
	if len(c.visited) > chainMemory || len(c.edges) > chainMemory {
		c.broken, c.edges = true, nil
		clear(c.visited)
	}
	return c.inflight == 0
}

// advance connects what connects.
func (c *chain) advance() {
	for i := 0; i < len(c.edges); {
		if c.edges[i].before != c.at {
			i++
			continue
		}
		c.at = c.edges[i].after
		c.visited[c.at] = struct{}{}
		c.edges[i] = c.edges[len(c.edges)-1]
		c.edges = c.edges[:len(c.edges)-1]
		i = 0
	}
}

// ours says, after the last change, whether every state is explained by our own changes. The result is then c.at.
func (c *chain) ours() bool {
	if c.broken || !c.base || len(c.edges) > 0 {
		return false
	}
	for s := range c.seen {
		if _, ok := c.visited[s]; !ok {
			return false
		}
	}
	return true
}
