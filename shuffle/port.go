package shuffle

import (
	"errors"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// Port is a worker core's side of an exchange: it writes the core's outlog and reads what arrives for the core's tasks.
// It belongs to the goroutine that steps the core.
type Port struct {
	x      *Exchange
	core   frame.CoreID
	log    *ringlog.Log
	box    inbox
	outs   []*outEdge // by edge; nil where the core has no source task
	ins    []*inEdge  // by edge; nil where the core has no destination task
	starts []uint32
	spare  arrivals // emptied
	now    int64

	waits waits
}

// SetNow tells the port the time in unix nanoseconds; frames carry it.
func (p *Port) SetNow(ns int64) { p.now = ns }

// Append takes rows that a task emitted on an edge in tick t. The rows are copied. It returns false, having taken nothing, when the
// log has no room; the exchange wakes the core when it may be tried again. Rows of a task come tick by tick.
func (p *Port) Append(e frame.EdgeID, task frame.TaskID, t frame.Tick, rows *batch.Batch) (bool, error) {
	taken, err := p.outs[e].append(task, t, rows)
	if !taken && err == nil {
		p.waits.stopped(e, t)
	}
	return taken, err
}

// Reserve lends the builder in which the rows of an edge are collected, so that a task appends those it makes in tick t instead of having them
// copied by Append: about so many bytes of them, as batch.Builder.Bytes counts, before the port is used again. What the builder holds
// already must stay as it is. It returns nil when the log has no room, as Append returns false.
func (p *Port) Reserve(e frame.EdgeID, task frame.TaskID, t frame.Tick, bytes int) (*batch.Builder, error) {
	return p.outs[e].reserve(task, t, bytes)
}

// Close says that a task will send nothing more on an edge for ticks first to last; cti holds at last, before until then.
func (p *Port) Close(e frame.EdgeID, task frame.TaskID, first, last frame.Tick, before, cti frame.CTI) {
	p.outs[e].close(task, first, last, cti, before)
}

// CloseIdle says for all tasks of this core that they had nothing to say on an edge in ticks first to last: no row, no new CTI.
func (p *Port) CloseIdle(e frame.EdgeID, first, last frame.Tick) { p.outs[e].closeIdle(first, last) }

// Flush writes what is staged on an edge, rows first, then closes. done is false when the log has no room.
func (p *Port) Flush(e frame.EdgeID) (done bool, err error) { return p.outs[e].flush() }

// FlushAll flushes every edge; a core does it when it has nothing else to do.
func (p *Port) FlushAll() (done bool, err error) {
	done = true
	for _, o := range p.outs {
		if o == nil {
			continue
		}
		d, err := o.flush()
		if err != nil {
			return false, err
		}
		done = done && d
	}
	return done, nil
}

// Poll takes in what has arrived and reports whether there was anything.
func (p *Port) Poll() (worked bool, err error) {
	came := p.box.take(p.spare)
	for i := range came.items {
		a := &came.items[i]
		if err := p.arrive(a, came.ents[a.first:a.last]); err != nil {
			return true, err
		}
	}
	worked = len(came.items) > 0
	came.clear()
	p.spare = came
	return worked, nil
}

func (p *Port) arrive(a *arrival, entries []frame.CloseEntry) error {
	if a.kind == arriveReset {
		for _, in := range p.ins {
			if in != nil {
				in.reset(a.from)
			}
		}
		return nil
	}
	in := p.ins[a.edge]
	if a.kind == arriveData {
		return in.data(*a)
	}
	for _, e := range entries {
		if err := in.close(a.edge, a.from, e); err != nil {
			return err
		}
	}
	return nil
}

// Closed is the last tick that all source tasks of an edge have closed.
func (p *Port) Closed(e frame.EdgeID) frame.Tick { return p.ins[e].prog.closed }

// CTI is the edge's CTI at tick t, executed < t <= Closed.
func (p *Port) CTI(e frame.EdgeID, t frame.Tick) frame.CTI { return p.ins[e].prog.ctiAt(t) }

// NextEvent returns the first tick after t, at most Closed, that has rows for this core or changes the CTI; ticks between are an empty
// range, which may be executed as one.
func (p *Port) NextEvent(e frame.EdgeID, t frame.Tick) (frame.Tick, bool) {
	in := p.ins[e]
	next, found := in.prog.nextChange(t)
	for _, bk := range in.buckets {
		if bk.tick > t {
			if bk.tick <= in.prog.closed && (!found || bk.tick < next) {
				next, found = bk.tick, true
			}
			break
		}
	}
	return next, found
}

// Peek makes dst the next rows of a task in tick t, in canonical order, borrowed until Consume, and reports whether there were any.
// The tasks of a core are asked in ascending order, ticks too.
func (p *Port) Peek(e frame.EdgeID, t frame.Tick, task frame.TaskID, dst *batch.Batch) (bool, error) {
	return p.ins[e].peek(t, task, dst)
}

// Consume tells that n of the rows that Peek lent were used.
func (p *Port) Consume(e frame.EdgeID, n int) { p.ins[e].consume(n) }

// Fold lends the rows of tick t on an unordered edge that came since the last call, before or after the tick is closed, and reports
// whether there were any. The tick must be the one after the last executed.
func (p *Port) Fold(e frame.EdgeID, t frame.Tick, take func(task frame.TaskID, rows *batch.Batch) error) (worked bool, err error) {
	return p.ins[e].fold(t, take)
}

// TakeDiscard returns the tick whose folded rows must be thrown away, since a session ended within it; Fold then lends what is left of them
// again. 0: none. It is told once.
func (p *Port) TakeDiscard(e frame.EdgeID) frame.Tick {
	t := p.ins[e].discard
	p.ins[e].discard = 0
	return t
}

// Executed says that all tasks of this core have executed the edge's ticks up to t: frames may be trimmed, credit returns.
func (p *Port) Executed(e frame.EdgeID, t frame.Tick) {
	in := p.ins[e]
	in.pass(t)
	p.x.executed(e, p.core, t)
	if in.rival != nil {
		p.x.executed(in.rival.e.ID, p.core, t)
	}
}

// claim is Log.Claim for something of tick t on an edge; it notes what waits for room.
func (p *Port) claim(e frame.EdgeID, t frame.Tick, n int) ([]byte, error) {
	b, _, err := p.log.Claim(n)
	if err == nil {
		p.waits.written(e)
	} else if errors.Is(err, ringlog.ErrNoSegment) {
		p.waits.refused(e, t)
	}
	return b, err
}

// handOn gives a committed DATA frame of an edge to those it is for: the cores of this node, or a link.
func (p *Port) handOn(o *outEdge, f *plannedFrame, h *frame.Header, pos frame.Pos) error {
	if h.Node != p.x.self {
		return p.sendTo(h, pos, h.Tick, nil)
	}
	p.x.wrote(p.core, h, pos, h.Tick)
	a := arrival{kind: arriveData, edge: h.Edge, tick: h.Tick, from: p.x.self, log: p.log, pos: pos}
	for _, q := range p.x.ports {
		if o.touches(f, q.ins[h.Edge].tasks()) {
			q.box.put(a)
		}
	}
	return nil
}

// sendTo gives a frame to the link with another node; entries are those of a CLOSE.
func (p *Port) sendTo(h *frame.Header, pos frame.Pos, after frame.Tick, entries []frame.CloseEntry) error {
	if s := p.x.cfg.Shadow; s != nil {
		return s.wrote(p.core, h, pos, after, entries)
	}
	p.x.peers[h.Node].push(p.core, h, pos, after)
	return nil
}

func (p *Port) handOnClose(e *Edge, h *frame.Header, pos frame.Pos, entries []frame.CloseEntry) error {
	if h.Node != p.x.self {
		return p.sendTo(h, pos, entries[0].FirstTick, entries)
	}
	p.x.wrote(p.core, h, pos, entries[0].FirstTick)
	p.x.putClose(e.ID, p.x.self, entries)
	return nil
}

// tasks is the core's range, empty for the nil edge of a core without destination tasks.
func (in *inEdge) tasks() TaskRange {
	if in == nil {
		return TaskRange{}
	}
	return in.local
}
