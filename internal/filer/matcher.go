package filer

import "github.com/spillway/spillway/internal/origin"

// matcher finds the descriptions of some names in pages that list mostly the same ones in the same order.
type matcher struct {
	entries []origin.DirEntry
	out     []listed
	found   []bool
	left    int
	next    int            // the entry that is expected now
	index   map[string]int // once something else came
	nodes   []*origin.Node // what the last page described, and of which entries
	of      []int
}

// done says that every name has been seen described.
func (m *matcher) done() bool {
	if m.found == nil {
		m.found, m.left = make([]bool, len(m.entries)), len(m.entries)
		m.out = make([]listed, len(m.entries))
		for i, e := range m.entries {
			m.out[i] = listed{cookie: e.Cookie, fileID: e.FileID, name: e.Name}
		}
	}
	return m.left == 0
}

// take notes the nodes of a page that belong to names not yet seen, and returns how many names it had of ours.
func (m *matcher) take(page []origin.DirEntry) (ours int) {
	m.nodes, m.of = m.nodes[:0], m.of[:0]
	for i := range page {
		at, ok := m.find(page[i].Name)
		if !ok || m.found[at] {
			continue
		}
		m.found[at] = true
		m.left--
		ours++
		if page[i].Node != nil {
			m.nodes, m.of = append(m.nodes, page[i].Node), append(m.of, at)
		}
		if m.left == 0 {
			break
		}
	}
	return ours
}

func (m *matcher) find(name string) (int, bool) {
	if m.next < len(m.entries) && m.entries[m.next].Name == name {
		m.next++
		return m.next - 1, true
	}
	if m.index == nil {
		m.index = make(map[string]int, len(m.entries))
		for i, e := range m.entries {
			m.index[e.Name] = i
		}
	}
	i, ok := m.index[name]
	if ok {
		m.next = i + 1
	}
	return i, ok
}

// settle gives the nodes of the last page their inodes.
func (m *matcher) settle(ids []uint64) {
	for i, at := range m.of {
		m.out[at].inode = ids[i]
	}
}

// listed returns all names, described or not.
func (m *matcher) listed() []listed { return m.out }
