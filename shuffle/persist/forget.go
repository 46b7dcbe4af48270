package persist

import (
	"fmt"
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// lookPart says how often the age of the oldest object is looked at: so many times within the time that it is kept, but not more often than ticks are written.
const lookPart = 16

// Need says that no life will make ticks of an edge up to t again, so that what was persisted of them is compared with nothing any more. It may be called from any goroutine.
func (p *Persister) Need(e frame.EdgeID, t frame.Tick) {
	s := p.byEdge[e]
	if s == nil {
		return
	}
	for old := s.need.Load(); uint64(t) > old && !s.need.CompareAndSwap(old, uint64(t)); old = s.need.Load() {
	}
}

// forget removes the oldest object, if the policy of the edge does not keep it any longer and nobody will compare what it has. The newest one stays: where it ends the stream
// goes on. A store that does not remove it holds up nothing.
func (s *stream) forget(nowNs int64) (worked bool) {
	c, keep := s.chain, s.e.Policy.For
	if keep == 0 || s.p.now == nil || len(c.firsts) < 2 {
		return false
	}
	if nowNs >= s.lookNs {
		again := max(s.p.cfg.Age, keep/lookPart)
		s.lookNs = nowNs + int64(again)
		if c.firsts[1]-1 <= min(s.passed, frame.Tick(s.need.Load())) {
			left, err := c.forget(keep)
			if err == nil && left <= 0 {
				s.lookNs, s.failed = nowNs, false
				return true
			}
			if err == nil {
				s.lookNs = nowNs + int64(min(left, again))
			} else if !s.failed {
				s.failed = true
				s.p.warn(fmt.Errorf("what was persisted of edge %d %v ago cannot be removed, and it is tried again: %w", s.e.ID, keep, err))
			}
		}
	}
	s.p.wait(s.lookNs)
	return false
}

// forget removes the oldest object if it was written so long ago, or returns how much of that is left.
func (c *chain) forget(keep time.Duration) (left time.Duration, err error) {
	o, err := c.object(c.firsts[0])
	if err != nil {
		return 0, err
	}
	written := time.Unix(int64(o.written)+1, 0) // at the latest
	if left = keep - c.p.now().Sub(written); left > 0 {
		return left, nil
	}
	if err := c.p.cfg.Store.Delete(o.name); err != nil {
		return 0, err
	}
	c.firsts = c.firsts[1:]
	return 0, nil
}
