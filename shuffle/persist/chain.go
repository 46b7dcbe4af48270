package persist

import (
	"errors"
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
)

// chain is what the store has of a stream, as its writer knows it.
//
// Invariants: firsts are the first ticks of its objects, ascending; last is the last tick of the last one.
type chain struct {
	p      *Persister
	about  About
	folder string
	open   bool // firsts and last are known
	firsts []frame.Tick
	last   frame.Tick
	cached *object // read last; its tables are kept, it is closed
}

func newChain(p *Persister, e *shuffle.Edge) *chain {
	a := About{Edge: e.ID, Name: p.cfg.Name(e.ID), Schema: e.Schema.AppendBinary(nil), Source: e.Source, Destination: e.Destination, Unordered: e.Unordered}
	for n := range p.cfg.Cluster.Nodes {
		if p.cfg.Cluster.OnNode(e.Source, frame.NodeID(n)).Count > 0 {
			a.Nodes = append(a.Nodes, frame.NodeID(n))
		}
	}
	return &chain{p: p, about: a, folder: folder(p.cfg.Job, e.ID, p.cfg.Self)}
}

// load finds out what the store has.
func (c *chain) load() error {
	names, err := c.p.cfg.Store.List(c.folder)
	if err != nil {
		return err
	}
	c.firsts, c.last = nil, 0
	for _, name := range names {
		if p, ok := parseName(name); ok {
			c.firsts = append(c.firsts, p.first)
		}
	}
	if n := len(c.firsts); n > 0 {
		if c.last, err = c.lastOf(c.firsts[n-1]); err != nil {
			return err
		}
	}
	c.open = true
	return nil
}

// add notes an object that was created.
func (c *chain) add(first, last frame.Tick) {
	c.firsts, c.last = append(c.firsts, first), last
}

// adopt takes an object that is there.
func (c *chain) adopt(first frame.Tick) error {
	last, err := c.lastOf(first)
	if err == nil {
		c.add(first, last)
	}
	return err
}

func (c *chain) lastOf(first frame.Tick) (frame.Tick, error) {
	o, err := c.object(first)
	if err != nil {
		return 0, err
	}
	return o.last, nil
}

// object returns the tables of the object with a first tick.
func (c *chain) object(first frame.Tick) (*object, error) {
	if c.cached != nil && c.cached.first == first {
		return c.cached, nil
	}
	name := objectName(c.folder, first)
	o, err := openObject(c.p.cfg.Store, name)
	if err != nil {
		return nil, err
	}
	about, err := c.about.encode()
	if err == nil && string(about) != string(o.about) {
		err = ownError{fmt.Errorf("%s: it is of another edge: %.300s, want %.300s; give the job a store, or a data directory, of its own", name, o.about, about)}
	}
	if err = errors.Join(err, o.close()); err != nil {
		return nil, err
	}
	c.cached = o
	return o, nil
}

// holding returns the object that has a tick, which is not above last.
func (c *chain) holding(t frame.Tick) (*object, error) {
	i, found := slices.BinarySearch(c.firsts, t)
	if !found {
		i--
	}
	if i < 0 {
		return nil, ownError{fmt.Errorf("%s: %w: nothing of tick %d", c.folder, ErrMissing, t)}
	}
	o, err := c.object(c.firsts[i])
	if err == nil && o.last < t {
		err = ownError{fmt.Errorf("%s: %w: nothing of tick %d, the object before it ends with %d", c.folder, ErrMissing, t, o.last)}
	}
	return o, err
}

// ErrMissing means that ticks are not there although later ones are.
var ErrMissing = errors.New("ticks are missing")

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
	s.pass(t)
	return nil
}

// contents adds up the rows of the ticks up to t that are not passed.
func (s *stream) contents(t frame.Tick) (map[frame.Tick]content, error) {
	got := map[frame.Tick]content{}
	for _, w := range s.frames {
		if w.Type != frame.Data || w.First > t {
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
