package persist

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state/snapshot"
)

// Jobs lists the jobs that a store has streams of.
func Jobs(s snapshot.Reader) ([]uint64, error) {
	names, err := s.List("job-")
	if err != nil {
		return nil, err
	}
	jobs := map[uint64]bool{}
	for _, name := range names {
		if p, ok := parseName(name); ok {
			jobs[p.job] = true
		}
	}
	return slices.Sorted(maps.Keys(jobs)), nil
}

// Stream is what an edge has carried: the streams of all nodes with source tasks, read-only. It shows what was there when it was opened.
type Stream struct {
	About
	Job    uint64
	store  snapshot.Reader
	edge   *shuffle.Edge
	parts  []part // by place in Nodes
	failed error  // of a part whose objects could not be looked at
}

// part is what one node has sent.
type part struct {
	node   frame.NodeID
	folder string
	firsts []frame.Tick // of its objects, ascending
	last   frame.Tick   // of the last object, if that can be read
}

// Open opens the streams of a job, by edge. What one of them is damaged by is told when it is read; the error is the store's.
func Open(s snapshot.Reader, job uint64) ([]*Stream, error) {
	names, err := s.List(fmt.Sprintf("job-%016x/", job))
	if err != nil {
		return nil, err
	}
	parts := map[frame.EdgeID]map[frame.NodeID]*part{}
	for _, name := range names {
		p, ok := parseName(name)
		if !ok || p.job != job {
			continue
		}
		if parts[p.edge] == nil {
			parts[p.edge] = map[frame.NodeID]*part{}
		}
		of := parts[p.edge][p.node]
		if of == nil {
			of = &part{node: p.node, folder: folder(job, p.edge, p.node)}
			parts[p.edge][p.node] = of
		}
		of.firsts = append(of.firsts, p.first) // in order: names are
	}
	var all []*Stream
	for _, e := range slices.Sorted(maps.Keys(parts)) {
		st := &Stream{Job: job, store: s, About: About{Edge: e}}
		if err := st.open(parts[e]); err != nil {
			if !errors.Is(err, snapshot.ErrDamaged) {
				return nil, err
			}
			st.failed = err
		}
		all = append(all, st)
	}
	return all, nil
}

// open finds out what the edge is, and how far each node has come.
func (s *Stream) open(parts map[frame.NodeID]*part) error {
	var errs []error
	var about []byte
	for _, n := range slices.Sorted(maps.Keys(parts)) {
		p := parts[n]
		o, err := openObject(s.store, objectName(p.folder, p.firsts[len(p.firsts)-1]))
		if err != nil && !errors.Is(err, snapshot.ErrDamaged) {
			return err
		}
		if err != nil {
			errs = append(errs, err)
			s.parts = append(s.parts, *p)
			continue
		}
		if p.last = o.last; about == nil {
			about = o.about
		}
		if !bytes.Equal(about, o.about) {
			errs = append(errs, fmt.Errorf("%s: %w", o.name, damaged("it describes another edge than the objects of other nodes")))
		}
		if err := o.close(); err != nil {
			return err
		}
		s.parts = append(s.parts, *p)
	}
	if about == nil {
		return errors.Join(errs...)
	}
	a, err := decodeAbout(about)
	if err == nil {
		s.About = *a
		s.edge, err = a.edge()
	}
	if err != nil {
		errs = append(errs, fmt.Errorf("edge %d: %w: %w", s.Edge, snapshot.ErrDamaged, err))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i, n := range s.Nodes {
		if i == len(s.parts) || s.parts[i].node != n {
			s.parts = slices.Insert(s.parts, i, part{node: n, folder: folder(s.Job, s.Edge, n)})
		}
	}
	if len(s.parts) != len(s.Nodes) {
		return damaged("edge %d: streams of %d nodes, want those of %v", s.Edge, len(s.parts), s.Nodes)
	}
	return nil
}

// Through is the tick up to which all nodes have persisted everything, or said that they have not; frame.MaxTick: the stream has ended.
func (s *Stream) Through() frame.Tick {
	through := frame.MaxTick
	for i := range s.parts {
		through = min(through, s.parts[i].last)
	}
	return through
}

// Reach is the greatest tick that some node has persisted.
func (s *Stream) Reach() (t frame.Tick) {
	for i := range s.parts {
		t = max(t, s.parts[i].last)
	}
	return t
}

// Ended reports whether nothing will be added to it.
func (s *Stream) Ended() bool { return s.Through() == frame.MaxTick }

// RowSchema is the schema of its rows. The error says that it cannot be read.
func (s *Stream) RowSchema() (*batch.Schema, error) {
	if s.failed != nil {
		return nil, s.failed
	}
	return s.edge.Schema, nil
}

// Rows are consecutive rows of a channel in a tick, borrowed until the call that lends them returns.
type Rows struct {
	Tick        frame.Tick
	Node        frame.NodeID // that sent them
	Source      frame.TaskID // of an unordered edge: one of those whose rows are mixed, or 0
	Destination frame.TaskID
	First       uint64 // index of the first row in its channel and tick; 0 on unordered edges
	Batch       *batch.Batch
}

// Read calls visit with the rows of ticks from to to, both included, by tick, destination task, source task and index; on unordered edges rows of a destination
// task come in no order that means anything. Every sum is checked, and every channel for gaps. Errors: ErrMissing, of ticks that are not there, or not
// yet; snapshot.ErrDamaged; those of the store, and of visit. It holds one tick in memory.
func (s *Stream) Read(from, to frame.Tick, visit func(r *Rows) error) error {
	if s.failed != nil {
		return s.failed
	}
	cursors := make([]*cursor, len(s.parts))
	for i := range s.parts {
		cursors[i] = &cursor{s: s, p: &s.parts[i]}
	}
	defer func() {
		for _, c := range cursors {
			c.close()
		}
	}()
	for t := max(from, 1); t <= to; t++ {
		next := frame.MaxTick
		var pieces []piece
		for _, c := range cursors {
			frames, after, err := c.at(t)
			if err != nil {
				return fmt.Errorf("edge %d: %w", s.Edge, err)
			}
			if pieces, err = s.cut(c.p.node, t, frames, pieces); err != nil {
				return err
			}
			next = min(next, after)
		}
		if err := s.visitTick(t, pieces, visit); err != nil {
			return err
		}
		if next > to || next <= t {
			// Nothing stands between t and there, but the last of the ticks must be known to be whole.
			for _, c := range cursors {
				if err := c.reach(to); err != nil {
					return fmt.Errorf("edge %d: %w", s.Edge, err)
				}
			}
			return nil
		}
		t = next - 1
	}
	return nil
}

// piece is a run of rows in a frame.
type piece struct {
	shuffle.Run
	node frame.NodeID
	rows batch.Batch
}

// cut appends the runs of rows in what a node has sent in a tick.
func (s *Stream) cut(node frame.NodeID, t frame.Tick, frames [][]byte, pieces []piece) ([]piece, error) {
	for _, b := range frames {
		if frame.DecodeHeader(b).Type != frame.Data {
			continue
		}
		err := s.edge.Runs(b, func(r *shuffle.Run) error {
			pieces = append(pieces, piece{Run: *r, node: node})
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("edge %d, tick %d: %w: %w", s.Edge, t, snapshot.ErrDamaged, err)
		}
	}
	return pieces, nil
}

// visitTick lends the rows of a tick in order.
func (s *Stream) visitTick(t frame.Tick, pieces []piece, visit func(r *Rows) error) error {
	slices.SortStableFunc(pieces, func(a, b piece) int {
		if c := cmp.Compare(a.Destination, b.Destination); c != 0 || s.Unordered {
			return c
		}
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.First, b.First))
	})
	next := uint64(0)
	for i := range pieces {
		p := &pieces[i]
		if !s.Unordered {
			if i == 0 || p.Destination != pieces[i-1].Destination || p.Source != pieces[i-1].Source {
				next = 0
			}
			if p.First != next {
				return fmt.Errorf("edge %d, tick %d, task %d to %d: %w", s.Edge, t, p.Source, p.Destination, damaged("a row with index %d, want %d", p.First, next))
			}
			next += uint64(p.Count)
		}
		p.Rows.SliceInto(&p.rows, p.From, p.From+p.Count)
		if err := visit(&Rows{Tick: t, Node: p.node, Source: p.Source, Destination: p.Destination, First: p.First, Batch: &p.rows}); err != nil {
			return err
		}
	}
	return nil
}

// cursor goes through what a node has sent.
type cursor struct {
	s *Stream
	p *part
	o *object // open; nil: none is
}

func (c *cursor) close() {
	if c.o != nil {
		_ = c.o.close() // it was read
		c.o = nil
	}
}

// reach opens the object that has a tick.
func (c *cursor) reach(t frame.Tick) error {
	if c.o != nil && t >= c.o.first && t <= c.o.last {
		return nil
	}
	c.close()
	i, found := slices.BinarySearch(c.p.firsts, t)
	if !found {
		i--
	}
	if i < 0 {
		begins := "and nothing else"
		if len(c.p.firsts) > 0 {
			begins = fmt.Sprintf("its objects begin with tick %d", c.p.firsts[0])
		}
		return fmt.Errorf("node %d: %w: nothing of tick %d, %s", c.p.node, ErrMissing, t, begins)
	}
	o, err := openObject(c.s.store, objectName(c.p.folder, c.p.firsts[i]))
	if err != nil {
		return err
	}
	if c.o = o; t > o.last {
		return fmt.Errorf("node %d: %w: nothing of tick %d, %s ends with %d", c.p.node, ErrMissing, t, o.name, o.last)
	}
	if o.gap {
		return fmt.Errorf("node %d: %w: ticks %d to %d were not persisted, since the edge had another policy", c.p.node, ErrMissing, o.first, o.last)
	}
	return nil
}

// at returns the frames of a tick, and the next tick that has some, as far as it knows.
func (c *cursor) at(t frame.Tick) (frames [][]byte, next frame.Tick, err error) {
	if err := c.reach(t); err != nil {
		return nil, 0, err
	}
	if e := c.o.find(t); e != nil {
		if frames, err = c.o.frames(e); err != nil {
			return nil, 0, err
		}
	}
	return frames, c.o.after(t), nil
}
