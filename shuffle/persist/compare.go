package persist

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
)

// compare compares what was computed again, up to tick t, with what is in the store.
func (s *stream) compare(t frame.Tick) error {
	o, err := s.chain.holding(s.passed + 1)
	if err != nil {
		return err
	}
	t = min(t, o.last)
	got, err := s.contents(t)
	if err != nil {
		return ownError{err}
	}
	if !o.gap {
		if err := s.differs(o, got, t); err != nil {
			return ownError{err}
		}
	}
	s.done(t)
	return nil
}

// contents adds up the rows of the ticks up to t that are not passed.
func (s *stream) contents(t frame.Tick) (map[frame.Tick]content, error) {
	got := map[frame.Tick]content{}
	for _, w := range s.through(t, s.whole) {
		if w.Type != frame.Data {
			continue
		}
		lease, err := s.p.logs.Lend(w)
		if err != nil {
			return nil, err
		}
		c, err := contentOf(s.e, lease.Bytes())
		lease.Release()
		if err != nil {
			return nil, err
		}
		of := got[w.First]
		got[w.First] = content{of.rows + c.rows, of.sum + c.sum}
	}
	return got, nil
}

// differs reports the first tick, up to t, whose rows are not those of an object.
func (s *stream) differs(o *object, got map[frame.Tick]content, t frame.Tick) error {
	first, was := frame.Tick(0), content{}
	note := func(t frame.Tick, want content) {
		if got[t] != want && (first == 0 || t < first) {
			first, was = t, want
		}
	}
	for i := range o.entries {
		if e := &o.entries[i]; e.tick > s.passed && e.tick <= t {
			note(e.tick, e.content)
		}
	}
	for tick := range got {
		if o.find(tick) == nil {
			note(tick, content{})
		}
	}
	if first == 0 {
		return nil
	}
	return fmt.Errorf("%w: edge %d (%s), tick %d: computed again, its %d rows (sum %016x) are not the %d (sum %016x) that are persisted in %s; "+
		"look for a clock, random numbers, the order of a map, or anything but its inputs and state in the stage before this edge",
		shuffle.ErrTripwire, s.e.ID, s.chain.about.Name, first, got[first].rows, got[first].sum, was.rows, was.sum, o.name)
}
