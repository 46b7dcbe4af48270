package hostlink

import "github.com/streamscope/streamscope/netio"

// Linked implements netio.Linked.
func (s *sender) Linked(l *netio.Link)   { s.link.Store(l) }
func (r *receiver) Linked(l *netio.Link) { r.link.Store(l) }

// want says that there may be something to gather: whoever polls finds it, else the link does.
func (s *sender) want() {
	s.wanted.Store(true)
	if !s.on.Load() || !s.host.polled() {
		s.wakeLink()
	}
}

func (r *receiver) want() {
	r.out.wanted.Store(true)
	if !r.out.shares.Load() || !r.host.polled() {
		r.wakeLink()
	}
}

// tell makes the link send a BELL.
func (s *sender) tell() {
	s.bell.Store(true)
	s.wakeLink()
}

func (r *receiver) tell() {
	r.out.bell.Store(true)
	r.wakeLink()
}

func (s *sender) wakeLink() {
	if l := s.link.Load(); l != nil {
		l.Wake()
	}
}

func (r *receiver) wakeLink() {
	if l := r.link.Load(); l != nil {
		l.Wake()
	}
}

// poll reads what the peer wrote, and writes what there is for it.
func (s *sender) poll() bool {
	worked, err := s.reverse.poll()
	if err != nil {
		s.link.Load().Cut(err)
		return false
	}
	if !s.wanted.Load() || !s.mu.TryLock() {
		return worked
	}
	defer s.mu.Unlock()
	if !s.mu.on {
		return worked
	}
	worked = s.write(flushBytes) || worked
	if s.bell.Load() || (s.mu.lends && !s.mu.handed) {
		s.wakeLink()
	}
	return worked
}

func (r *receiver) poll() bool {
	worked, err := r.forward.poll()
	if err != nil {
		r.link.Load().Cut(err)
		return false
	}
	if !r.out.wanted.Load() || !r.out.TryLock() {
		return worked
	}
	defer r.out.Unlock()
	if !r.out.on {
		return worked
	}
	r.write()
	if r.out.bell.Load() || len(r.out.aside) > 0 {
		r.wakeLink()
	}
	return worked
}

// sleep hands what is left to the link, and asks for a BELL.
func (s *sender) sleep() (more bool) {
	if s.wanted.Load() {
		s.wakeLink()
	}
	return s.reverse.sleep()
}

func (r *receiver) sleep() (more bool) {
	if r.out.wanted.Load() {
		r.wakeLink()
	}
	return r.forward.sleep()
}
