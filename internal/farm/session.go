package farm

import "time"

// addSession puts a session, new or loaded, into all indexes.
func (f *Farm) addSession(s *session) {
	f.sessions[s.rec.ID] = s
	s.node.sessions = append(s.node.sessions, s)
	s.step.sessions = append(s.step.sessions, s)
	s.reidle()
}

// occupy notes the attempt that runs in the session; nil: none.
func (s *session) occupy(a *attempt) {
	s.attempt = a
	s.reidle()
}

// reidle keeps the step's list of sessions that can take a task.
func (s *session) reidle() {
	idle := s.attempt == nil && !s.rec.Ending
	switch {
	case idle && !s.idle:
		s.step.idle = append(s.step.idle, s)
	case !idle && s.idle:
		s.step.idle = drop(s.step.idle, s)
	}
	s.idle = idle
}

// openSession makes a session for a step on a node.
func (f *Farm) openSession(now time.Time, n *node, st *step) *session {
	s := &session{
		rec:  Session{ID: SessionID(f.cfg.NewID("s")), Node: n.rec.ID, Step: st.ref(), Opened: now},
		node: n, step: st,
	}
	f.addSession(s)
	f.touchSession(s)
	return s
}

// endSession has the node told to end an idle session.
func (f *Farm) endSession(s *session) {
	if s.rec.Ending {
		return
	}
	s.rec.Ending = true
	s.reidle()
	f.touchSession(s)
	f.orders.add(s.node.rec.ID)
}

// endIdle ends the idle sessions of the list.
func (f *Farm) endIdle(list []*session) {
	for _, s := range list {
		if s.attempt == nil {
			f.endSession(s)
		}
	}
}

// forgetSession drops a session that has ended on its node.
func (f *Farm) forgetSession(s *session) {
	delete(f.sessions, s.rec.ID)
	s.rec.Ending = true
	s.reidle()
	s.node.sessions = drop(s.node.sessions, s)
	s.step.sessions = drop(s.step.sessions, s)
	f.changes.sessions.drop(s.rec.ID)
	f.changes.ended.add(s.rec.ID)
	f.orders.add(s.node.rec.ID)
}

// idleSession returns the node's open session for the step that nothing runs in.
func (n *node) idleSession(st *step) *session {
	for _, s := range n.sessions {
		if s.step == st && s.attempt == nil && !s.rec.Ending {
			return s
		}
	}
	return nil
}

// vacated is called when an attempt has left its node: its session is idle now, and a draining node may be empty.
func (f *Farm) vacated(now time.Time, a *attempt) {
	ses, n := f.sessions[a.rec.Session], a.node
	if ses != nil && ses.attempt == nil &&
		(n.rec.State != NodeOnline || n.rec.Quarantined != "" || a.step.job.rec.State != JobActive || a.step.pending() == 0) {
		f.endSession(ses)
	}
	f.emptied(now, n)
}

func (c SessionEnded) apply(f *Farm, now time.Time) (any, error) {
	s := f.sessions[c.Session]
	if s == nil || s.rec.Node != c.Node {
		return nil, nil
	}
	if s.attempt != nil { // its end is still to be reported; the session takes no more
		s.rec.Ending = true
		s.reidle()
		f.touchSession(s)
		return nil, nil
	}
	f.forgetSession(s)
	f.emptied(now, s.node)
	return nil, nil
}
