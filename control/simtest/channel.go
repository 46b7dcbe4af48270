package simtest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// channel is what goes from one node to another, or stays on it, on an edge.
type channel struct {
	edge     frame.EdgeID
	from, to frame.NodeID
}

// content is what a tick of a channel holds: the number of its rows and a hash that does not depend on their order, nor on how they are cut
// into frames.
type content struct{ rows, hash uint64 }

// closes is the first-close registry (I1 Uniqueness): what was closed once, by any life, is closed with the same rows by every other.
type closes struct {
	ticks   map[frame.Tick]content // only those with rows
	through frame.Tick
	again   int
}

// tap looks at what a link brings as it is taken in.
type tap struct {
	netio.Incoming
	to       *worker
	from     frame.NodeID
	lane     uint8
	sessions map[frame.EdgeID]*session
	asked    map[frame.EdgeID]frame.Tick // after which the receiver asked on this connection
	view     batch.Batch
	entries  []frame.CloseEntry
	last     [][]byte // rows since the last close, for M12 and M13
	old      [][]byte // those of the connection before
}

// session is a channel since it was begun on the connection at hand.
type session struct {
	open   map[frame.Tick]content
	closed map[frame.TaskID]frame.Tick // by source task
	whole  frame.Tick                  // ticks above it were sent whole in this session
	done   frame.Tick                  // compared
}

func (t *tap) Attach(peer wire.Hello) error {
	t.sessions, t.asked = map[frame.EdgeID]*session{}, map[frame.EdgeID]frame.Tick{}
	t.old, t.last = t.last, nil
	return t.Incoming.Attach(peer)
}

// Messages notes what the receiver asks for.
func (t *tap) Messages(buf []byte) []byte {
	all := t.Incoming.Messages(buf)
	for b := all[len(buf):]; len(b) > 0; {
		head, err := wire.ParseHead(b, len(b))
		if err != nil {
			t.to.fail(err)
			break
		}
		m, err := wire.Decode(b[:head.Len])
		if err != nil {
			t.to.fail(err)
			break
		}
		for i := 0; m.Type == wire.TypeAttach && i < m.Len(); i++ {
			g := m.Grant(i)
			t.asked[g.Edge] = g.Closed
		}
		b = b[min(len(b), head.Padded()):]
	}
	return all
}

// Frame takes a frame, and what the canaries have beside.
func (t *tap) Frame(b []byte) error {
	if err := t.take(b); err != nil || t.to.sim.cfg.Broken == "" {
		return err
	}
	if head, err := wire.ParseHead(b, len(b)); err != nil || !head.IsFrame() {
		return err
	}
	if h := frame.DecodeHeader(b); h.Type == frame.Close {
		t.last = nil
	} else {
		t.last = append(t.last, slices.Clone(b))
	}
	return t.stray()
}

// take hands on and, if the frame was good, adds it up. Nobody has reason to refuse what a peer sends.
func (t *tap) take(b []byte) error {
	if err := t.Incoming.Frame(b); err != nil {
		if !t.to.zombie && !t.damaged(err) && !errors.Is(err, errNoRoom) {
			t.to.fail(fmt.Errorf("I15: what node %d sends on lane %d is refused: %w", t.from, t.lane, err))
		}
		return err
	}
	head, err := wire.ParseHead(b, len(b))
	if err != nil {
		return err
	}
	if !head.IsFrame() {
		return t.begin(b)
	}
	if t.lane > 0 {
		t.to.sim.onLanes++
	}
	return t.add(b)
}

// add takes a frame of a session.
func (t *tap) add(b []byte) error {
	h := frame.DecodeHeader(b)
	s := t.sessions[h.Edge]
	switch {
	case s == nil:
		return nil
	case h.Type == frame.Close:
		return t.close(s, h, b)
	}
	return t.data(s, h, b)
}

func (t *tap) begin(b []byte) error {
	m, err := wire.Decode(b)
	if err != nil || m.Type != wire.TypeBegin {
		return err
	}
	for i := range m.Len() {
		e := m.Begin(i).Edge
		t.sessions[e] = newSession(t.asked[e])
	}
	return nil
}

func newSession(whole frame.Tick) *session {
	return &session{open: map[frame.Tick]content{}, closed: map[frame.TaskID]frame.Tick{}, whole: whole}
}

// data adds up the rows of a frame, each with the task that it goes to.
func (t *tap) data(s *session, h frame.Header, b []byte) error {
	f, err := frame.ParseData(h, b)
	if err != nil {
		return err
	}
	if err := batch.Decode(&t.view, t.to.sim.cfg.Plan.Edges[h.Edge].Schema, &f); err != nil {
		return err
	}
	c := s.open[h.Tick]
	rows := func(to frame.TaskID, first, n int) {
		for i := first; i < first+n; i++ {
			c.rows++
			c.hash += rowHash(&t.view, i, uint64(to))
		}
	}
	if h.Flags&frame.Dense != 0 {
		first, count := f.DenseRange()
		for i := range count {
			at, n := f.DenseRows(i)
			rows(first+frame.TaskID(i), at, n)
		}
	} else {
		for i := range int(f.SubBatches) {
			sub := f.SubBatch(i)
			rows(sub.Destination, int(sub.FirstRow), int(sub.Rows))
		}
	}
	s.open[h.Tick] = c
	return nil
}

// close compares the ticks that are closed by all source tasks of the node now.
func (t *tap) close(s *session, h frame.Header, b []byte) (err error) {
	if t.entries, err = frame.ParseClose(h, b, t.entries[:0]); err != nil {
		return err
	}
	for _, e := range t.entries {
		for task := e.First; task <= e.Last; task++ {
			if e.FirstTick > s.closed[task]+1 { // what lies before was closed in another session
				s.whole = max(s.whole, e.FirstTick-1)
			}
			s.closed[task] = max(s.closed[task], e.LastTick)
		}
	}
	sim := t.to.sim
	edge := &sim.cfg.Plan.Edges[h.Edge]
	tasks := sim.cfg.Plan.TasksOn(edge.From, t.from, sim.cfg.Limits.Nodes)
	through := frame.MaxTick
	for i := range tasks.Count {
		through = min(through, s.closed[tasks.First+frame.TaskID(i)])
	}
	s.done = max(s.done, s.whole)
	if through > s.done {
		if err := sim.closes(channel{h.Edge, t.from, t.to.node}).add(s, s.done, through); err != nil {
			t.to.fail(fmt.Errorf("I1: edge %d from node %d: %w", h.Edge, t.from, err))
		}
		s.done = through
	}
	return nil
}

func (s *Sim) closes(c channel) *closes {
	if s.channels[c] == nil {
		s.channels[c] = &closes{ticks: map[frame.Tick]content{}}
	}
	return s.channels[c]
}

// add compares the ticks from, excluded, to through with what was closed before, and notes those that were not.
func (c *closes) add(s *session, from, through frame.Tick) error {
	for tick, was := range c.ticks {
		if tick > from && tick <= through && s.open[tick] != was {
			return fmt.Errorf("tick %d had %d rows (%x), now it has %d (%x)", tick, was.rows, was.hash, s.open[tick].rows, s.open[tick].hash)
		} else if tick > from && tick <= through {
			c.again++
		}
	}
	for tick, is := range s.open {
		if tick > through {
			continue
		}
		if _, known := c.ticks[tick]; !known && tick > from && tick <= c.through {
			return fmt.Errorf("tick %d had no rows, now it has %d", tick, is.rows)
		}
		if tick > from {
			c.ticks[tick] = is
		}
		delete(s.open, tick)
	}
	if from <= c.through {
		c.through = max(c.through, through)
	}
	return nil
}

var rowSeed = maphash.MakeSeed()

// rowHash is a hash of a row and the task that it goes to.
func rowHash(b *batch.Batch, row int, to uint64) uint64 {
	var h maphash.Hash
	h.SetSeed(rowSeed)
	put := func(v uint64) {
		var buf [8]byte
		binary.LittleEndian.PutUint64(buf[:], v)
		_, _ = h.Write(buf[:])
	}
	put(to)
	put(uint64(b.Vs[row]))
	if b.Schema.HasVe {
		put(uint64(b.Ve[row]))
	}
	for i := range b.Cols {
		c := &b.Cols[i]
		switch {
		case c.Null(row):
			put(1)
		case c.Kind() == batch.String || c.Kind() == batch.Bytes:
			_, _ = h.Write(c.Bytes(row))
		case c.Kind() == batch.Int64 || c.Kind() == batch.Timestamp:
			put(uint64(c.Int64s()[row]))
		}
	}
	return h.Sum64()
}
