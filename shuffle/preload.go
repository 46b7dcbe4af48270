package shuffle

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// Copied is what a peer holds of an earlier life of this node: consecutive frames, as they were written, of one CopyID.
type Copied struct {
	CopyID
	// Frames begin at addresses that are multiples of 8. They may come from anybody: what does not fit is not used.
	Frames [][]byte
}

// Preloaded says what Preload made of copies.
type Preloaded struct {
	After, Through frame.Tick // the ticks that are held
	Frames         int
	Bytes          uint64
	// Reason says why no more is held than there is, nil if all is well. It is no failure.
	Reason error
}

// Preload puts what peers hold of a core's chain into its log, before its tasks have written anything: whole ticks, from the one after those
// that the tasks have behind them, without a gap. Nodes that attach get them at once; the tasks, which compute them again, do not write
// them again, and are compared with them instead.
//
// The copies are those of several peers and lives, in any order. wait is called when the log has no room, and reports whether to try again.
// The core must not have been stepped, and each CopyID comes once. An error is one of this node's log.
func (x *Exchange) Preload(id CopyID, copies []Copied, wait func() bool) (p Preloaded, err error) {
	if int(id.Edge) >= len(x.edges) || int(id.Node) >= len(x.peers) || x.peers[id.Node] == nil || int(id.Core) >= len(x.ports) {
		return p, nil
	}
	port := x.ports[id.Core]
	o := port.outs[id.Edge]
	if o == nil || o.sc.nodes[id.Node].Count == 0 {
		return p, nil
	}
	after := x.cfg.start(id.Edge).Emitted
	p.After, p.Through = after, after
	var parts []*copied
	for _, c := range copies {
		part := newCopied(o, id.Node, c.Frames)
		parts = append(parts, part)
		if part.err != nil {
			p.Reason = part.err
		}
	}
	l := &preload{o: o, node: id.Node, wait: wait}
	for {
		best, through := (*copied)(nil), p.Through
		for _, part := range parts {
			if part.from <= p.Through && part.through > through {
				best, through = part, part.through
			}
		}
		if best == nil {
			break
		}
		done, err := l.write(best, p.Through, through)
		if !done || err != nil {
			return Preloaded{After: after, Through: after, Reason: errors.Join(p.Reason, errNoRoom)}, err
		}
		p.Through = through
	}
	p.Frames, p.Bytes = len(l.refs), l.bytes
	l.publish(after, p.Through)
	return p, nil
}

var errNoRoom = errors.New("no room in the log")

// copied is a run of copied frames and what they prove.
type copied struct {
	frames  []copiedFrame // by tick; the closes of a tick behind its rows
	from    frame.Tick    // ticks above it,
	through frame.Tick    // up to this one, are whole
	err     error         // of the first frame that is no good; it and those after it are left out
}

type copiedFrame struct {
	h       frame.Header
	b       []byte
	at      frame.Tick         // where it belongs
	entries []frame.CloseEntry // of a CLOSE
}

// newCopied finds out which ticks are whole: closed by all tasks of the core, one after the other, with as many rows as the closes say.
func newCopied(o *outEdge, n frame.NodeID, frames [][]byte) *copied {
	c := &copied{}
	reach := make([]reach, o.local.Count)
	rows := map[frame.Tick]tickRows{}
	for _, b := range frames {
		f, count, err := o.parseCopied(n, b)
		if err == nil {
			err = follow(reach, o.local, f.entries)
		}
		if err != nil {
			c.err = err
			break
		}
		c.frames = append(c.frames, f)
		r := rows[f.h.Tick]
		r.got += count
		rows[f.h.Tick] = r
		for _, e := range f.entries {
			if e.Rows > 0 {
				r := rows[e.FirstTick]
				r.want += e.Rows
				rows[e.FirstTick] = r
			}
		}
	}
	c.through = frame.MaxTick
	for _, r := range reach {
		c.from, c.through = max(c.from, r.from), min(c.through, r.through)
	}
	c.trust(rows)
	slices.SortStableFunc(c.frames, func(a, b copiedFrame) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.h.Type, b.h.Type)) // DATA is less than CLOSE
	})
	return c
}

const _ = uint(frame.Close - frame.Data - 1) // the order of newCopied

// reach are the ticks, above from, that a task has closed without a gap.
type reach struct {
	known         bool
	from, through frame.Tick
}

// follow takes closes.
func follow(by []reach, tasks TaskRange, entries []frame.CloseEntry) error {
	for _, e := range entries {
		for t := e.First; t <= e.Last; t++ {
			r := &by[t-tasks.First]
			switch {
			case !r.known:
				*r = reach{true, e.FirstTick - 1, e.LastTick}
			case e.FirstTick > r.through+1:
				return fmt.Errorf("%w: a copy has task %d close tick %d after %d", ErrProtocol, t, e.FirstTick, r.through)
			default:
				r.through = max(r.through, e.LastTick)
			}
		}
	}
	return nil
}

// trust leaves out ticks whose rows are not all there: those at the beginning, where the copy began in the middle, and all from the first
// other one on.
func (c *copied) trust(rows map[frame.Tick]tickRows) {
	ticks := make([]frame.Tick, 0, len(rows))
	for t, r := range rows {
		if r.got != r.want {
			ticks = append(ticks, t)
		}
	}
	slices.Sort(ticks)
	for _, t := range ticks {
		switch {
		case t <= c.from || t > c.through:
		case t == c.from+1:
			c.from = t
		default:
			c.through = t - 1
		}
	}
	c.through = max(c.through, c.from)
}

// parseCopied judges a frame as one that came from a peer.
func (o *outEdge) parseCopied(n frame.NodeID, b []byte) (f copiedFrame, rows uint64, err error) {
	x := o.port.x
	if len(b) < frame.HeaderLen {
		return f, 0, fmt.Errorf("%w: a copy of %d bytes", frame.ErrCorrupt, len(b))
	}
	h := frame.DecodeHeader(b)
	if err := h.Valid(min(len(b), x.cfg.FrameBytes)); err != nil {
		return f, 0, err
	}
	if err := frame.VerifySum(b); err != nil {
		return f, 0, err
	}
	if h.Edge != o.e.ID || h.Node != n || h.Core != o.port.core {
		return f, 0, fmt.Errorf("%w: a copy of edge %d to node %d from core %d, want edge %d, node %d, core %d", ErrProtocol, h.Edge, h.Node, h.Core, o.e.ID, n, o.port.core)
	}
	f = copiedFrame{h: h, b: b, at: h.Tick}
	switch h.Type {
	case frame.Data:
		err = o.eachRun(n, &f, func(_ channelID, _ *batch.Batch, _, count int, _ uint64) { rows += uint64(count) })
	case frame.Close:
		if f.entries, err = frame.ParseClose(h, b, nil); err == nil {
			err = f.checkCloses(o)
		}
	default:
		err = fmt.Errorf("%w: a copy of a %v frame", ErrProtocol, h.Type)
	}
	return f, rows, err
}

func (f *copiedFrame) checkCloses(o *outEdge) error {
	for _, e := range f.entries {
		if !o.local.Contains(e.First) || !o.local.Contains(e.Last) {
			return fmt.Errorf("%w: a copy has tasks %d to %d close, want %v", ErrProtocol, e.First, e.Last, o.local)
		}
	}
	f.at = f.entries[0].FirstTick
	for _, e := range f.entries {
		f.at = min(f.at, e.FirstTick)
	}
	return nil
}

// eachRun calls visit for the rows of each channel of a DATA frame: count rows from `from` on, whose indexes begin with first.
func (o *outEdge) eachRun(n frame.NodeID, f *copiedFrame, visit func(c channelID, rows *batch.Batch, from, count int, first uint64)) error {
	return o.e.runs(f.h, f.b, func(r *Run) error {
		if r.named && !o.local.Contains(r.Source) {
			return fmt.Errorf("%w: a copy with rows from task %d, want %v", ErrProtocol, r.Source, o.local)
		}
		if !o.sc.nodes[n].Contains(r.Destination) {
			return fmt.Errorf("%w: a copy with rows for task %d, want %v", ErrProtocol, r.Destination, o.sc.nodes[n])
		}
		c := channelID{r.Source, r.Destination}
		if o.e.Unordered {
			c.src = 0
		}
		visit(c, r.Rows, r.From, r.Count, r.First)
		return nil
	})
}
