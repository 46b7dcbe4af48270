package shuffle

import (
	"slices"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// bucket is what one tick brought.
type bucket struct {
	tick   frame.Tick
	refs   []dataRef
	subs   []subRef
	opened bool
	cur    int // sub-batch being read
	off    int // rows of it consumed
	leased int // bytes of the leased frames
	last   subRef
	folded int // unordered edges: sub-batches that were lent by fold
}

// dataRef names a DATA frame and, while it is leased, lends its rows.
type dataRef struct {
	log   frames
	pos   frame.Pos
	from  frame.NodeID
	lease ringlog.Lease
	held  bool
	rows  batch.Batch
	frame frame.DataFrame // while it is leased
}

// subRef is a run of rows for one task: rows [first, first+rows) of frame refs[ref]. With dense set, those rows are for so many tasks from dst
// on, as the dense directory of the frame tells.
type subRef struct {
	dst, src    frame.TaskID
	index       frame.Index
	first, rows uint32
	ref         int32
	dense       int32
}

// refer adds a frame to the bucket. The place of an old reference is used again, with the memory of its columns.
func (bk *bucket) refer(a *arrival) {
	n := len(bk.refs)
	bk.refs = slices.Grow(bk.refs, 1)[:n+1]
	r := &bk.refs[n]
	*r = dataRef{log: a.log, pos: a.pos, from: a.from, rows: batch.Batch{Cols: r.rows.Cols[:0]}}
}

// bucket finds or makes the bucket of a tick; most arrivals are for the last one.
func (in *inEdge) bucket(t frame.Tick) *bucket {
	i := len(in.buckets)
	for i > 0 && in.buckets[i-1].tick > t {
		i--
	}
	if i > 0 && in.buckets[i-1].tick == t {
		return in.buckets[i-1]
	}
	var bk *bucket
	if n := len(in.spare); n > 0 {
		bk, in.spare = in.spare[n-1], in.spare[:n-1]
	} else {
		bk = &bucket{}
	}
	bk.tick = t
	in.buckets = slices.Insert(in.buckets, i, bk)
	return bk
}

func (in *inEdge) dropEmpty(bk *bucket) {
	if len(bk.subs) > 0 {
		return
	}
	i := slices.Index(in.buckets, bk)
	in.buckets = slices.Delete(in.buckets, i, i+1)
	in.recycle(bk)
}

func (in *inEdge) recycle(bk *bucket) {
	bk.releaseAll()
	*bk = bucket{refs: bk.refs[:0], subs: bk.subs[:0]}
	if len(in.spare) < 8 {
		in.spare = append(in.spare, bk)
	}
}

func (bk *bucket) releaseAll() {
	for i := range bk.refs {
		if r := &bk.refs[i]; r.held {
			r.lease.Release()
			r.lease, r.held, r.frame = ringlog.Lease{}, false, frame.DataFrame{}
		}
	}
	bk.leased = 0
}
