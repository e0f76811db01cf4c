package filer

// longShare is the part of the machine's memory that one stream through one file may take: what it reads beyond that is
// dropped from the page cache once it has passed. Linux keeps pages that were touched twice, and what is fetched for a
// reader is: written to the data file, then sent. So a file larger than memory would drive out what others read again.
const longShare = 8

// passed is a part of a data file that a long stream has left behind.
type passed struct {
	file *dataFile
	span
}

// maxPassed bounds those that wait to be dropped from memory.
const maxPassed = 4096

// passBy notes what a long stream has left behind, but for what is read a second time, by whomever. It stays behind by as
// much as clients reorder reads. Called with the inode's mu held.
func (c *content) passBy(st *stream) {
	s := c.f.store
	if st.run < s.longRun || st.next < maxReorder || c.file == nil {
		return
	}
	first, end := c.space.number(max(st.behind, st.next-st.run)), c.space.number(st.next-maxReorder)
	if first >= end {
		return
	}
	st.behind = c.space.span(end).from
	for no := first; no < min(end, uint64(len(c.space.parts))); no++ {
		if p := c.space.parts[no]; p != nil && p.lent.Load() == 0 && s.cache.Passing(&p.Piece) {
			s.pass(passed{c.file, c.space.span(no)})
		}
	}
}

func (s *store) pass(p passed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.passed) < maxPassed {
		p.file.take()
		s.passed = append(s.passed, p)
	}
}

func (s *store) takePassed() []passed {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.passed
	s.passed = nil
	return all
}

// forget drops from memory what was passed. What is not on the disk yet stays.
func (s *store) forget(all []passed) {
	for _, p := range all {
		if err := s.disk.Forget(p.file.f, int64(p.from), int64(p.to-p.from)); err != nil {
			s.log.Warn("cache disk: drop pages from memory", "error", err)
		}
		p.file.put()
	}
}
