package shuffle

import (
	"errors"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// write puts the planned frames into the log, and hands each on at once.
func (o *outEdge) write() (done bool, err error) {
	for i := range o.planned {
		if err := o.writeFrame(&o.planned[i]); err != nil {
			o.planned = append(o.planned[:0], o.planned[i:]...)
			if errors.Is(err, ringlog.ErrNoSegment) {
				return false, nil
			}
			return false, err
		}
	}
	if len(o.planned) > 0 {
		o.planned = o.planned[:0]
		o.unstage()
	}
	return true, nil
}

func (o *outEdge) writeFrame(f *plannedFrame) error {
	count := int(f.to - f.from)
	subs := o.subs[f.firstSub:f.lastSub]
	first, starts := o.denseDir(f, subs)
	h := frame.Header{Type: frame.Data, Tick: o.tick, Edge: o.e.ID, Node: f.node, OldestNs: o.port.now,
		SubBatches: uint16(len(subs)), Buffers: uint16(o.e.Schema.Buffers())}
	dirEnd := frame.HeaderLen + len(subs)*frame.SubBatchLen
	if starts != nil {
		h.Flags, h.SubBatches = frame.Unordered|frame.Dense, 0
		dirEnd = frame.HeaderLen + frame.DenseDirLen(len(starts)-1)
	} else if o.e.Unordered {
		h.Flags = frame.Unordered
	}
	all := o.fixed && count == o.staged.N && !o.sc.gather
	var rows []int32 // in order, where they must be gathered
	if !all {
		rows = o.sc.order()[f.from:f.to]
		batch.VarBytes(o.staged, rows, o.varLen)
	}
	n := batch.EncodedLen(o.e.Schema, dirEnd, count, o.varLen)
	b, err := o.port.claim(o.e.ID, o.tick, n)
	if err != nil {
		return err
	}
	if starts != nil {
		frame.PutDenseDir(b[frame.HeaderLen:], first, starts)
	} else {
		for i, s := range subs {
			frame.PutSubBatch(b[frame.HeaderLen+i*frame.SubBatchLen:], s)
		}
	}
	if all {
		if f.node != o.port.x.self {
			// What went over a link was read by the kernel, far from this core's caches. To fetch the frame's memory in order first is
			// cheaper than line by line, in the order of the rows' destinations.
			clear(b[dirEnd:])
		}
		batch.ScatterRows(b, dirEnd, o.staged, o.sc.place)
	} else {
		batch.EncodeRows(b, dirEnd, o.staged, rows, o.varLen)
	}
	h.Len = int32(n)
	return o.port.handOn(o, f, &h, o.port.log.Commit(h))
}

// denseDir returns the first task and the row starts of a dense directory, or nil where sub-batches are smaller or the edge is ordered.
func (o *outEdge) denseDir(f *plannedFrame, subs []frame.SubBatch) (first frame.TaskID, starts []uint32) {
	switch {
	case f.whole:
		tasks := o.sc.nodes[f.node]
		starts = o.startsOf(tasks.Count)
		for i, end := range o.sc.group(0, tasks) {
			starts[i+1] = end - uint32(f.from)
		}
		return tasks.First, starts
	case !o.e.Unordered:
		return 0, nil
	}
	first = subs[0].Destination
	count := int(subs[len(subs)-1].Destination-first) + 1
	if frame.DenseDirLen(count) > len(subs)*frame.SubBatchLen {
		return 0, nil
	}
	starts = o.startsOf(count)
	s := 0
	for i := range count {
		if s < len(subs) && subs[s].Destination == first+frame.TaskID(i) {
			s++
		}
		starts[i+1] = uint32(f.to - f.from)
		if s < len(subs) {
			starts[i+1] = subs[s].FirstRow
		}
	}
	return first, starts
}

// startsOf returns scratch for the row starts of a dense directory, of which the first is 0.
func (o *outEdge) startsOf(tasks int) []uint32 {
	o.port.starts = grow(o.port.starts, tasks+1)
	o.port.starts[0] = 0
	return o.port.starts
}

// touches reports whether a planned frame has rows for one of the tasks.
func (o *outEdge) touches(f *plannedFrame, tasks TaskRange) bool {
	if tasks.Count == 0 {
		return false
	}
	if f.whole {
		ends := o.sc.group(0, o.sc.nodes[f.node])
		lo := int(tasks.First - o.sc.nodes[f.node].First)
		before := uint32(f.from)
		if lo > 0 {
			before = ends[lo-1]
		}
		return ends[lo+tasks.Count-1] > before
	}
	for i := range o.subs[f.firstSub:f.lastSub] {
		if tasks.Contains(o.subs[f.firstSub+i].Destination) {
			return true
		}
	}
	return false
}
