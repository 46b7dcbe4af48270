package persist

import (
	"errors"
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/state/snapshot"
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
		c.last, err = c.lastOf(c.firsts[n-1])
		if errors.Is(err, snapshot.ErrDamaged) {
			err = fmt.Errorf("the newest of what is persisted cannot be read: %w; move it out of the store: its ticks are written again if they are computed again, else they are a gap", err)
		}
		if err != nil {
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
