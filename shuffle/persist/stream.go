package persist

import (
	"cmp"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
)

// stream is what the source tasks of this node send on an edge.
//
// Invariants:
//   - frames holds all that was written of ticks above passed, in the order of each log
//   - passed <= chain.last: what lies between is computed again, and compared
//   - whole is the least tick that all source tasks here have closed for all destination nodes
type stream struct {
	p      *Persister
	e      *shuffle.Edge
	chain  *chain
	frames []shuffle.Written
	bytes  uint64 // of frames
	logs   []logState
	dirty  bool // logs have changed since whole was computed
	whole  frame.Tick
	passed frame.Tick
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
	s := &stream{p: p, e: e, chain: newChain(p, e), whole: after, passed: after}
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
	if w.Last > s.passed {
		s.frames = append(s.frames, w)
		s.bytes += uint64(w.Len)
	}
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

// bridge says that ticks up to those that come were not persisted.
func (s *stream) bridge() error {
	err := s.write(plan{first: s.chain.last + 1, last: s.passed, gap: true})
	if err == nil {
		s.p.logs.Persisted(s.e.ID, min(s.passed, s.chain.last))
	}
	return err
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
	pl := s.plan()
	if pl.last == s.whole && s.whole < frame.MaxTick && pl.bytes < uint64(s.p.cfg.ObjectBytes) && nowNs < due {
		s.p.wait(due) // much of it is of ticks that are not whole
		return false, nil
	}
	if err := s.write(pl); err != nil {
		return false, err
	}
	if s.chain.last == pl.last {
		s.pass(pl.last)
	} // else another life has written the object: what is in it is compared next
	return true, nil
}

// plan is an object to be written: frames by tick, within a tick rows before closes.
type plan struct {
	first, last frame.Tick
	gap         bool
	frames      []shuffle.Written
	bytes       uint64
}

// plan takes as many whole ticks as an object should have, one at least.
func (s *stream) plan() plan {
	pl := plan{first: s.passed + 1, last: s.whole}
	for _, w := range s.frames {
		if w.First <= s.whole {
			pl.frames = append(pl.frames, w)
		}
	}
	begin := func(w *shuffle.Written) frame.Tick { return max(w.First, pl.first) }
	slices.SortStableFunc(pl.frames, func(a, b shuffle.Written) int {
		return cmp.Or(cmp.Compare(begin(&a), begin(&b)), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Core, b.Core), cmp.Compare(a.Node, b.Node))
	})
	for i := range pl.frames {
		w := &pl.frames[i]
		if t := begin(w); pl.bytes >= uint64(s.p.cfg.ObjectBytes) && t > begin(&pl.frames[i-1]) {
			pl.last, pl.frames = t-1, pl.frames[:i]
			break
		}
		pl.bytes += uint64(w.Len)
	}
	return pl
}

const _ = uint(frame.Close - frame.Data - 1) // the order of plan

// pass forgets what is persisted.
func (s *stream) pass(t frame.Tick) {
	s.passed, s.oldNs = t, 0
	rest := s.frames[:0]
	s.bytes = 0
	for _, w := range s.frames {
		if w.Last > t {
			rest = append(rest, w)
			s.bytes += uint64(w.Len)
		}
	}
	if cap(rest) > framesSpare && len(rest) < cap(rest)/4 {
		rest = slices.Clone(rest) // what waited for long had needed more room than what comes after it
	}
	s.frames = rest
	s.p.logs.Persisted(s.e.ID, t)
}

// framesSpare is how many frames may have room that is not used.
const framesSpare = 4096

func (s *stream) stat() Stat {
	st := Stat{Edge: s.e.ID, Whole: s.whole, Bytes: s.bytes, Frames: uint64(len(s.frames)), Objects: s.wrote.objects, Written: s.wrote.bytes}
	st.Through = min(s.passed, s.chain.last)
	return st
}
