package shuffle

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// inEdge holds what has arrived at one core on one edge and was not executed yet: references into logs, not rows.
//
// Invariants:
//   - buckets are sorted by tick, all above executed; a bucket holds at least one row for a task of this core
//   - a sub-batch whose source task had closed the tick before it came is not in a bucket (a resend)
type inEdge struct {
	x        *Exchange
	e        *Edge
	local    TaskRange // destination tasks on this core
	prog     *progress
	buckets  []*bucket
	executed frame.Tick
	spare    []*bucket
	part     batch.Batch // what fold lends
	subs     []subRef    // scratch of splitting and sorting, with starts
	starts   []int32
	discard  frame.Tick // the tick whose folded rows were dropped in part, 0: none
	rival    *rival     // nil: the source tasks are there once
}

func newInEdge(x *Exchange, e *Edge, local TaskRange) *inEdge {
	at := x.cfg.start(e.ID)
	in := &inEdge{x: x, e: e, local: local, prog: newProgress(e.Source, at), executed: at.Executed}
	if x.cfg.Retain {
		in.prog.keepChanges()
	}
	return in
}

// data takes in a frame: it notes the sub-batches for tasks of this core.
func (in *inEdge) data(a arrival) error {
	if a.tick <= in.executed {
		return nil // another instance was read, and the frame may be trimmed already
	}
	lease, err := a.log.Acquire(a.pos)
	if err != nil {
		return err
	}
	defer lease.Release()
	b := lease.Bytes()
	f, err := frame.ParseData(frame.DecodeHeader(b), b)
	if err != nil {
		return err
	}
	bk := in.bucket(a.tick)
	before, ref, shift := len(bk.subs), int32(len(bk.refs)), in.shift(a.edge)
	if f.Flags&frame.Dense != 0 {
		in.denseSubs(bk, &f, ref, a.from)
	} else {
		for i := range int(f.SubBatches) {
			s := f.SubBatch(i)
			s.Source -= shift
			if !in.local.Contains(s.Destination) || in.resent(s.Source, a.tick, a.from) {
				continue
			}
			bk.subs = append(bk.subs, subRef{dst: s.Destination, src: s.Source, index: s.FirstIndex, first: s.FirstRow, rows: s.Rows, ref: ref})
		}
	}
	if len(bk.subs) > before {
		bk.refer(&a)
	}
	in.dropEmpty(bk)
	return nil
}

// denseSubs notes what a dense frame has for tasks of this core, all in one.
func (in *inEdge) denseSubs(bk *bucket, f *frame.DataFrame, ref int32, from frame.NodeID) {
	if in.resent(0, f.Tick, from) {
		return
	}
	first, count := f.DenseRange()
	lo, end := max(first, in.local.First), min(first+frame.TaskID(count), in.local.First+frame.TaskID(in.local.Count))
	if lo >= end {
		return
	}
	row, _ := f.DenseRows(int(lo - first))
	last, n := f.DenseRows(int(end - first - 1))
	if rows := last + n - row; rows > 0 {
		bk.subs = append(bk.subs, subRef{dst: lo, first: uint32(row), rows: uint32(rows), ref: ref, dense: int32(end - lo)})
	}
}

// split appends the runs of each task that s stands for to dst.
func (in *inEdge) split(bk *bucket, s subRef, dst []subRef) ([]subRef, error) {
	if s.dense == 0 {
		return append(dst, s), nil
	}
	if _, err := in.lend(bk, int(s.ref)); err != nil {
		return dst, err
	}
	f := &bk.refs[s.ref].frame
	first, _ := f.DenseRange()
	for i := range frame.TaskID(s.dense) {
		if row, n := f.DenseRows(int(s.dst + i - first)); n > 0 {
			dst = append(dst, subRef{dst: s.dst + i, first: uint32(row), rows: uint32(n), ref: s.ref})
		}
	}
	return dst, nil
}

// resent reports rows of a tick that is closed already. Unordered rows name no source task: there the whole node must have closed it.
func (in *inEdge) resent(src frame.TaskID, t frame.Tick, from frame.NodeID) bool {
	if !in.e.Unordered {
		return t <= in.prog.closedBy[src-in.e.Source.First] && in.x.flaw != NotFinal
	}
	return t <= in.closedByNode(from) && in.x.flaw != NotFinal
}

func (in *inEdge) closedByNode(n frame.NodeID) frame.Tick {
	tasks := in.x.cluster.OnNode(in.e.Source, n)
	least := frame.MaxTick
	for t := range tasks.Count {
		least = min(least, in.prog.closedBy[int(tasks.First-in.e.Source.First)+t])
	}
	return least
}

// reset drops what the ended session with a node left in open ticks (I6); the node sends those ticks again.
func (in *inEdge) reset(from frame.NodeID) {
	tasks := in.x.cluster.OnNode(in.e.Source, from)
	for _, bk := range slices.Clone(in.buckets) {
		before := len(bk.subs)
		bk.subs = slices.DeleteFunc(bk.subs, func(s subRef) bool {
			if bk.refs[s.ref].from != from {
				return false
			}
			if in.e.Unordered {
				return bk.tick > in.closedByNode(from)
			}
			return bk.tick > in.prog.closedBy[s.src-in.e.Source.First]
		})
		if len(bk.subs) < before && bk.folded > 0 {
			bk.folded, in.discard = 0, bk.tick
		}
		in.dropEmpty(bk)
	}
	if in.e.Unordered {
		// The rows of all its tasks were dropped, also of those that had closed more: they come again, and so do their closes.
		in.prog.withdraw(tasks, in.closedByNode(from))
	}
}

// open sorts a bucket canonically: by destination, then (source task, index). Frames are sorted in themselves, so one counting pass by
// destination leaves each destination's sub-batches nearly in order.
func (in *inEdge) open(bk *bucket) (err error) {
	if bk.opened {
		return nil
	}
	all := in.subs[:0]
	for _, s := range bk.subs {
		if all, err = in.split(bk, s, all); err != nil {
			return err
		}
	}
	in.subs, bk.opened = all, true
	starts := grow(in.starts, in.local.Count+1)
	clear(starts)
	for i := range all {
		starts[all[i].dst-in.local.First+1]++
	}
	for d := range in.local.Count {
		starts[d+1] += starts[d]
	}
	sorted := grow(bk.subs, len(all))
	for i := range all {
		at := &starts[all[i].dst-in.local.First]
		sorted[*at] = all[i]
		*at++
	}
	from := int32(0)
	for _, to := range starts[:in.local.Count] { // each start has moved to its end
		if own := sorted[from:to]; !slices.IsSortedFunc(own, canonical) {
			slices.SortFunc(own, canonical)
		}
		from = to
	}
	in.starts, bk.subs = starts, sorted
	return nil
}

// canonical orders the sub-batches of one destination.
func canonical(a, b subRef) int {
	return cmp.Or(cmp.Compare(a.src, b.src), cmp.Compare(a.index, b.index), cmp.Compare(a.ref, b.ref))
}

// peek lends the next rows of a task in tick t, in canonical order, or nil when it has none left. Tasks must be asked in ascending order.
func (in *inEdge) peek(t frame.Tick, task frame.TaskID, dst *batch.Batch) (bool, error) {
	if len(in.buckets) == 0 || in.buckets[0].tick != t {
		return false, nil
	}
	bk := in.buckets[0]
	if err := in.open(bk); err != nil {
		return false, err
	}
	if bk.cur == len(bk.subs) || bk.subs[bk.cur].dst != task {
		return false, nil
	}
	s := &bk.subs[bk.cur]
	if bk.off == 0 && !in.e.Unordered {
		if err := in.continuous(bk, s); err != nil {
			return false, err
		}
	}
	rows, err := in.lend(bk, int(s.ref))
	if err != nil {
		return false, err
	}
	rows.SliceInto(dst, int(s.first)+bk.off, int(s.first+s.rows))
	return true, nil
}

// continuous checks that a channel's indexes have no gap: what a link lost would show here.
func (in *inEdge) continuous(bk *bucket, s *subRef) error {
	want := frame.Index(0)
	if bk.cur > 0 && bk.last.dst == s.dst && bk.last.src == s.src {
		want = bk.last.index + frame.Index(bk.last.rows)
	}
	if s.index != want {
		return fmt.Errorf("%w: edge %d, tick %d, task %d to %d: index %d, want %d", ErrProtocol, in.e.ID, bk.tick, s.src, s.dst, s.index, want)
	}
	return nil
}

// consume tells that n of the rows that peek lent were used.
func (in *inEdge) consume(n int) {
	bk := in.buckets[0]
	bk.off += n
	if s := bk.subs[bk.cur]; bk.off == int(s.rows) {
		bk.last = s
		bk.cur++
		bk.off = 0
	}
}

// fold lends the rows of tick t that came since the last call, task by task as they lie, to take. The frames stay referenced: if a session
// ends within the tick, what is left of it is lent again from the start (takeDiscard).
func (in *inEdge) fold(t frame.Tick, take func(task frame.TaskID, rows *batch.Batch) error) (worked bool, err error) {
	if len(in.buckets) == 0 || in.buckets[0].tick != t {
		return false, nil
	}
	bk := in.buckets[0]
	defer bk.releaseAll()
	for ; bk.folded < len(bk.subs); bk.folded++ {
		s := &bk.subs[bk.folded]
		rows, err := in.lend(bk, int(s.ref))
		if err != nil {
			return worked, err
		}
		worked = true
		if s.dense > 0 {
			err = in.foldDense(rows, s, &bk.refs[s.ref].frame, take)
		} else {
			rows.SliceInto(&in.part, int(s.first), int(s.first+s.rows))
			err = take(s.dst, &in.part)
		}
		if err != nil {
			return worked, err
		}
	}
	return worked, nil
}

func (in *inEdge) foldDense(rows *batch.Batch, s *subRef, f *frame.DataFrame, take func(task frame.TaskID, rows *batch.Batch) error) error {
	first, _ := f.DenseRange()
	for i := range frame.TaskID(s.dense) {
		row, n := f.DenseRows(int(s.dst + i - first))
		if n == 0 {
			continue
		}
		rows.SliceInto(&in.part, row, row+n)
		if err := take(s.dst+i, &in.part); err != nil {
			return err
		}
	}
	return nil
}

// lend leases frame i of the bucket and decodes it in place; frames stay leased until the tick is done, within the budget.
func (in *inEdge) lend(bk *bucket, i int) (*batch.Batch, error) {
	r := &bk.refs[i]
	if r.held {
		return &r.rows, nil
	}
	if bk.leased >= in.x.cfg.LeaseBytes {
		bk.releaseAll()
	}
	lease, err := r.log.Acquire(r.pos)
	if err != nil {
		return nil, err
	}
	b := lease.Bytes()
	f, err := frame.ParseData(frame.DecodeHeader(b), b)
	if err == nil {
		err = batch.Decode(&r.rows, in.e.Schema, &f)
	}
	if err != nil {
		lease.Release()
		return nil, err
	}
	r.lease, r.held, r.frame = lease, true, f
	bk.leased += len(b)
	return &r.rows, nil
}

// pass forgets ticks up to t, which all tasks of the core have executed.
func (in *inEdge) pass(t frame.Tick) {
	for len(in.buckets) > 0 && in.buckets[0].tick <= t {
		bk := in.buckets[0]
		in.buckets = slices.Delete(in.buckets, 0, 1)
		in.recycle(bk)
	}
	in.prog.pass(t)
	in.executed = t
}
