package persist

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
)

// stream is what the source tasks of this node send on an edge.
//
// Invariants:
//   - passed <= chain.last: what lies between is computed again, and compared
//   - whole is the least tick that all source tasks here have closed for all destination nodes
type stream struct {
	p     *Persister
	e     *shuffle.Edge
	chain *chain
	backlog
	logs   []logState
	dirty  bool // logs have changed since whole was computed
	whole  frame.Tick
	oldNs  int64         // since when whole ticks wait; 0: none do
	need   atomic.Uint64 // see Persister.Need
	lookNs int64         // when the oldest object is looked at again
	failed bool          // it could not be removed, and that has been told
	wrote  struct{ objects, bytes uint64 }
	ents   []frame.CloseEntry
}

// logState is what a core has closed for a destination node.
type logState struct {
	tasks  shuffle.TaskRange
	closed []frame.Tick // by task; nil: nothing goes there
}

func newStream(p *Persister, e *shuffle.Edge) *stream {
	after := p.cfg.After(e.ID)
	s := &stream{p: p, e: e, chain: newChain(p, e), whole: after, backlog: newBacklog(after)}
	k := p.cfg.Cluster
	for core := range k.Cores {
		tasks := k.On(e.Source, p.cfg.Self, frame.CoreID(core))
		for n := range k.Nodes {
			l := logState{tasks: tasks}
			if k.OnNode(e.Destination, frame.NodeID(n)).Count > 0 {
				l.closed = slices.Repeat([]frame.Tick{after}, tasks.Count)
			}
			s.logs = append(s.logs, l)
		}
	}
	return s
}

// take notes a frame, and what it closes.
func (s *stream) take(w shuffle.Written) error {
	if w.Type == frame.Close {
		if err := s.takeClose(w); err != nil {
			return ownError{fmt.Errorf("persisting edge %d: %w", s.e.ID, err)}
		}
	}
	s.add(w)
	return nil
}

func (s *stream) takeClose(w shuffle.Written) error {
	lease, err := s.p.logs.Lend(w)
	if err != nil {
		return err
	}
	defer lease.Release()
	b := lease.Bytes()
	if s.ents, err = frame.ParseClose(frame.DecodeHeader(b), b, s.ents[:0]); err != nil {
		return err
	}
	l := &s.logs[int(w.Core)*s.p.cfg.Cluster.Nodes+int(w.Node)]
	for _, e := range s.ents {
		for t := e.First; t <= e.Last; t++ {
			if !l.tasks.Contains(t) || l.closed == nil {
				return fmt.Errorf("%w: task %d closes tick %d in the log of core %d", shuffle.ErrProtocol, t, e.LastTick, w.Core)
			}
			c := &l.closed[t-l.tasks.First]
			if e.FirstTick > *c+1 && *c != frame.MaxTick {
				return fmt.Errorf("%w: task %d closes tick %d after %d", shuffle.ErrProtocol, t, e.FirstTick, *c)
			}
			*c = max(*c, e.LastTick)
		}
	}
	s.dirty = true
	return nil
}

// close computes whole anew.
func (s *stream) close() {
	if !s.dirty {
		return
	}
	s.dirty = false
	s.whole = frame.MaxTick
	for i := range s.logs {
		for _, t := range s.logs[i].closed {
			s.whole = min(s.whole, t)
		}
	}
}

// step does one thing, if there is anything to do.
func (s *stream) step(nowNs int64) (worked bool, err error) {
	if !s.chain.open {
		if err := s.chain.load(); err != nil {
			return false, err
		}
		s.p.logs.Persisted(s.e.ID, min(s.passed, s.chain.last))
		return true, nil
	}
	if s.passed > s.chain.last {
		return true, s.bridge()
	}
	s.close()
	switch {
	case s.whole == s.passed:
		return false, nil
	case s.passed < s.chain.last:
		return true, s.compare(min(s.whole, s.chain.last))
	}
	return s.persist(nowNs)
}

// bridge says, in the store and to the user, that ticks up to those that come were not persisted.
func (s *stream) bridge() error {
	first := s.chain.last + 1
	if err := s.write(plan{first: first, last: s.passed, gap: true}); err != nil {
		return err
	}
	s.p.logs.Persisted(s.e.ID, min(s.passed, s.chain.last))
	s.p.warn(fmt.Errorf("what %s carried in ticks %d to %d is not in the snapshot store, since the edge was not persisted then, or objects were removed: its stream has a gap there",
		s.chain.about.Name, first, s.passed))
	return nil
}

// persist writes an object, if there is enough for one, or it is time.
func (s *stream) persist(nowNs int64) (worked bool, err error) {
	if s.oldNs == 0 {
		s.oldNs = nowNs
	}
	due := s.oldNs + int64(s.p.cfg.Age)
	if s.whole < frame.MaxTick && s.bytes < uint64(s.p.cfg.ObjectBytes) && nowNs < due {
		s.p.wait(due)
		return false, nil
	}
	pl := s.plan(s.whole, uint64(s.p.cfg.ObjectBytes))
	if pl.last == s.whole && s.whole < frame.MaxTick && pl.bytes < uint64(s.p.cfg.ObjectBytes) && nowNs < due {
		s.p.wait(due) // much of it is of ticks that are not whole
		return false, nil
	}
	if err := s.write(pl); err != nil {
		return false, err
	}
	if s.chain.last == pl.last {
		s.done(pl.last)
	} // else another life has written the object: what is in it is compared next
	return true, nil
}

// done says that ticks up to t are persisted.
func (s *stream) done(t frame.Tick) {
	s.pass(t)
	s.oldNs = 0
	s.p.logs.Persisted(s.e.ID, t)
}

func (s *stream) stat() Stat {
	st := Stat{Edge: s.e.ID, Whole: s.whole, Bytes: s.bytes, Frames: uint64(len(s.ready) + len(s.fresh)), Objects: s.wrote.objects, Written: s.wrote.bytes}
	st.Through = min(s.passed, s.chain.last)
	return st
}
