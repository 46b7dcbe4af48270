package shuffle

import (
	"cmp"
	"errors"
	"slices"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// closeRec is a close that has not been written: of tasks task to through.
type closeRec struct {
	task, through frame.TaskID
	first, last   frame.Tick
	cti           frame.CTI
}

// close notes that a task has closed ticks first to last. The entry is written by the next flush, after the rows. cti holds at last, before
// until then.
func (o *outEdge) close(task frame.TaskID, first, last frame.Tick, cti frame.CTI, before frame.CTI) {
	if first < last && o.emitted[task-o.local.First] == last {
		o.closes = append(o.closes, closeRec{task, task, first, last - 1, before})
		first = last
	}
	o.closes = append(o.closes, closeRec{task, task, first, last, cti})
}

// closeIdle notes that none of the core's tasks had anything to say in ticks first to last: no row, no new CTI.
func (o *outEdge) closeIdle(first, last frame.Tick) {
	o.closes = append(o.closes, closeRec{o.local.First, o.local.First + frame.TaskID(o.local.Count-1), first, last, frame.SameCTI})
}

// writeCloses writes the pending closes, a CLOSE frame per node (more where they do not fit). What was written stays written when the log
// fills up in between: an entry goes to a node exactly once.
func (o *outEdge) writeCloses() (done bool, err error) {
	if len(o.closes) == 0 {
		return true, nil
	}
	if o.closing == 0 {
		o.closing = len(o.closes)
	}
	for ; o.closeNode < o.port.x.cluster.Nodes; o.closeNode++ {
		if o.sc.nodes[o.closeNode].Count == 0 {
			continue
		}
		if err := o.writeClose(frame.NodeID(o.closeNode)); err != nil {
			if errors.Is(err, ringlog.ErrNoSegment) {
				return false, nil
			}
			return false, err
		}
	}
	if o.held != nil {
		if err := o.held.close(o.closes[:o.closing]); err != nil {
			return false, err
		}
		if o.held.over() {
			o.held = nil
		}
	}
	for _, c := range o.closes[:o.closing] {
		if c.first == c.last {
			o.sent[o.counter(c.task)].forget(c.first)
		}
	}
	o.closes = append(o.closes[:0], o.closes[o.closing:]...)
	o.closing, o.closeNode = 0, 0
	return o.writeCloses() // those that came while the first waited for room: false always means that there is none
}

func (o *outEdge) writeClose(node frame.NodeID) error {
	most := (o.port.x.cfg.FrameBytes - frame.HeaderLen) / frame.CloseEntryLen
	all := o.closeEntries(node)
	for o.closeAt < len(all) {
		entries := sameTick(all[o.closeAt:min(o.closeAt+most, len(all))])
		n := frame.HeaderLen + len(entries)*frame.CloseEntryLen
		b, err := o.port.claim(o.e.ID, entries[0].FirstTick, n)
		if err != nil {
			return err
		}
		h := frame.Header{Type: frame.Close, Edge: o.e.ID, Node: node, OldestNs: o.port.now, Len: int32(n)}
		for i, e := range entries {
			frame.PutCloseEntry(b[frame.HeaderLen+i*frame.CloseEntryLen:], e)
			h.Tick = max(h.Tick, e.LastTick)
		}
		pos := o.port.log.Commit(h)
		if err := o.port.handOnClose(o.e, &h, pos, entries); err != nil {
			return err
		}
		o.closeAt += len(entries)
	}
	o.closeAt = 0
	return nil
}

// sameTick returns the entries that begin with the same tick as the first. A frame holds no others: on a link it follows the rows of
// that tick, and must not make the close of one task wait for rows of another that lack credit.
func sameTick(entries []frame.CloseEntry) []frame.CloseEntry {
	n := 1
	for n < len(entries) && entries[n].FirstTick == entries[0].FirstTick {
		n++
	}
	return entries[:n]
}

// closeEntries merges the pending closes of neighbouring tasks into ranges, with the rows sent to the node, sorted by tick.
func (o *outEdge) closeEntries(node frame.NodeID) []frame.CloseEntry {
	o.entries = o.entries[:0]
	reported := frame.Tick(0) // unordered: the tick whose shared count an entry has
	slices.SortStableFunc(o.closes[:o.closing], func(a, b closeRec) int { return cmp.Compare(a.first, b.first) })
	for _, c := range o.closes[:o.closing] {
		e := frame.CloseEntry{First: c.task, Last: c.through, FirstTick: c.first, LastTick: c.last, CTI: c.cti}
		if c.first == c.last && !(o.e.Unordered && reported == c.first) {
			if rows := o.sent[o.counter(c.task)].find(c.first); rows != nil {
				e.Rows = rows[node]
				reported = c.first
			}
		}
		if o.held != nil && o.held.covers(node, c.first) {
			if e.FirstTick = o.held.through[node] + 1; c.last <= o.held.through[node] {
				continue
			}
		}
		if n := len(o.entries); n > 0 {
			if l := &o.entries[n-1]; l.Last+1 == e.First && l.FirstTick == e.FirstTick && l.LastTick == e.LastTick && l.CTI == e.CTI {
				l.Last = e.Last
				l.Rows += e.Rows
				continue
			}
		}
		o.entries = append(o.entries, e)
	}
	return o.entries
}
