package shuffle

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// outEdge collects what the tasks of one core emit on an edge and writes it into the core's outlog, partition-sorted.
//
// Invariants:
//   - staged rows are all of one tick
//   - planned frames are written before anything else is staged or closed
//   - sent[i] counts the rows of the i-th local task that were planned and not yet reported by a close; the tasks of an unordered edge
//     share sent[0]
type outEdge struct {
	port    *Port
	e       *Edge
	local   TaskRange // source tasks on this core
	sc      *scatter
	tick    frame.Tick
	rows    *batch.Builder
	runs    []run
	limit   int // bytes to stage before a flush
	planned []plannedFrame
	subs    []frame.SubBatch // of the planned frames
	staged  *batch.Batch     // view that the planned frames gather from
	varLen  []int
	fixed   bool // no variable-length column
	rowSize int  // bytes of a row's fixed part

	index     []frame.Index // ordered edges: next index by (local task, destination)
	indexTick []frame.Tick  // tick that a task's indexes belong to
	sent      []sentRows    // by local task
	emitted   []frame.Tick  // last tick that a task staged a row in
	closes    []closeRec
	entries   []frame.CloseEntry
	closing   int   // of the pending closes, those being written; 0: none
	closeNode int   // next node to write them for
	closeAt   int   // next entry to write for that node
	held      *held // what peers had copies of, until all of it was computed again; else nil
}

// plannedFrame is a frame that is sorted but not written: rows [from, to) of the sorted order to a node, with sub-batches
// subs[firstSub:lastSub], or whole: all rows for the node, with a dense directory.
type plannedFrame struct {
	node              frame.NodeID
	from, to          int32
	firstSub, lastSub int
	whole             bool
}

func newOutEdge(p *Port, e *Edge) (*outEdge, error) {
	x := p.x
	o := &outEdge{
		port: p, e: e, local: x.cluster.On(e.Source, x.self, p.core),
		rows:    batch.NewBuilder(e.Schema),
		varLen:  make([]int, len(e.Schema.Fields)),
		rowSize: e.Schema.FixedRowBytes(),
	}
	var err error
	if o.sc, err = newScatter(e, x.cluster); err != nil {
		return nil, err
	}
	o.fixed = true
	for _, f := range e.Schema.Fields {
		o.fixed = o.fixed && !f.Kind.VarLen()
	}
	o.limit = o.stagingBytes()
	n := o.local.Count
	o.indexTick, o.emitted, o.sent = make([]frame.Tick, n), make([]frame.Tick, n), make([]sentRows, n)
	if !e.Unordered {
		o.index = make([]frame.Index, n*e.Destination.Count)
	}
	return o, nil
}

// stagingBytes is what fills one frame for each node that has destination tasks, their directories included.
func (o *outEdge) stagingBytes() int {
	sources := o.local.Count
	if o.e.Unordered {
		sources = 1
	}
	total := 0
	for _, tasks := range o.sc.nodes {
		if tasks.Count > 0 {
			room := o.port.x.cfg.FrameBytes - frameOverhead(o.e.Schema)
			total += room - min(sources*tasks.Count*frame.SubBatchLen, room/2)
		}
	}
	return max(total, 1)
}

// append stages rows of one task and tick. false means that the log has no room: nothing was taken.
func (o *outEdge) append(task frame.TaskID, t frame.Tick, b *batch.Batch) (bool, error) {
	rows, err := o.reserve(task, t, o.bytes(b))
	if rows == nil {
		return false, err
	}
	rows.AppendBatch(b, 0, b.N)
	if rows.Bytes() >= o.limit {
		if _, err := o.writeStaged(); err != nil {
			return false, err // a full log is met again by the next call
		}
	}
	return true, nil
}

// reserve makes room among the staged rows for about so many bytes of rows of a task and tick, which then come next. nil means that the log
// has no room.
func (o *outEdge) reserve(task frame.TaskID, t frame.Tick, bytes int) (*batch.Builder, error) {
	if o.busy() || (o.tick != t && (o.rows.Len() > 0 || len(o.closes) > 0)) {
		if done, err := o.flush(); !done {
			return nil, err
		}
	}
	if o.rows.Len() > 0 && o.rows.Bytes()+bytes > o.limit {
		if done, err := o.writeStaged(); !done {
			return nil, err
		}
	}
	o.tick = t
	o.emitted[task-o.local.First] = t
	if n := len(o.runs); n == 0 || o.runs[n-1].task != task {
		o.runs = append(o.runs, run{task, int32(o.rows.Len())})
	}
	return o.rows, nil
}

// bytes is what the rows of b take when they are staged.
func (o *outEdge) bytes(b *batch.Batch) int {
	n := b.N * o.rowSize
	for i := range b.Cols {
		if c := &b.Cols[i]; c.Kind().VarLen() {
			offsets, _ := c.Var()
			n += int(offsets[b.N] - offsets[0])
		}
	}
	return n
}

func (o *outEdge) writeStaged() (done bool, err error) {
	if err := o.plan(); err != nil {
		return false, err
	}
	return o.write()
}

func (o *outEdge) busy() bool { return len(o.planned) > 0 }

// flush writes all that is staged, then the closes. done is false when the log has no room; call again.
func (o *outEdge) flush() (done bool, err error) {
	if !o.busy() && o.rows.Len() > 0 {
		if err := o.plan(); err != nil {
			return false, err
		}
	}
	if done, err := o.write(); !done {
		return false, err
	}
	return o.writeCloses()
}

// plan sorts the staged rows and cuts them into frames.
func (o *outEdge) plan() error {
	o.staged = o.rows.View()
	o.subs, o.planned = o.subs[:0], o.planned[:0]
	o.sc.sort(o.staged, o.runs)
	for n := range o.sc.parts {
		node, part := frame.NodeID(n), &o.sc.parts[n]
		switch {
		case part.from == part.to:
		case o.held != nil && o.held.covers(node, o.tick):
			for _, c := range o.sc.cells(n) {
				o.held.again(o.tick, c.src, c.dst, o.staged, o.sc.order()[c.from:c.to], o.take(c.src, c.dst, c.to-c.from))
				o.count(c)
			}
		case o.fitsWhole(n):
			o.planned = append(o.planned, plannedFrame{node: node, from: part.from, to: part.to, whole: true})
			o.count(cell{node: node, src: o.local.First, from: part.from, to: part.to})
		default:
			if err := o.planCells(o.sc.cells(n)); err != nil {
				return err
			}
		}
	}
	if len(o.planned) == 0 {
		o.unstage() // all of it is held
	}
	return nil
}

// room is what a frame has for rows and its directory, in bytes.
func (o *outEdge) room() int { return o.port.x.cfg.FrameBytes - frameOverhead(o.e.Schema) }

// fitsWhole reports whether all rows for a node fit one frame with a dense directory, and that is the smaller one: then nothing needs to be
// known of each of them.
func (o *outEdge) fitsWhole(n int) bool {
	part, dir := &o.sc.parts[n], frame.DenseDirLen(o.sc.nodes[n].Count)
	return o.e.Unordered && o.fixed && dir <= part.groups*frame.SubBatchLen && dir+int(part.to-part.from)*o.rowSize <= o.room()
}

// planCells cuts the rows for a node into frames.
func (o *outEdge) planCells(cells []cell) error {
	room := o.room()
	var cur *plannedFrame
	used := 0
	for _, c := range cells {
		for at := c.from; at < c.to; {
			if cur == nil || cur.lastSub-cur.firstSub == frame.MaxSubBatches || used+frame.SubBatchLen >= room {
				o.planned = append(o.planned, plannedFrame{node: c.node, from: at, to: at, firstSub: len(o.subs), lastSub: len(o.subs)})
				cur, used = &o.planned[len(o.planned)-1], 0
			}
			n, bytes := o.fit(at, c.to, room-used-frame.SubBatchLen)
			if n == 0 {
				if cur.from == cur.to {
					row := int(o.sc.order()[at])
					return fmt.Errorf("a row of %d bytes (vs %d) does not fit a frame of %d: raise --frame-bytes", o.rowBytes(row), o.staged.Vs[row], o.port.x.cfg.FrameBytes)
				}
				cur = nil
				continue
			}
			o.subs = append(o.subs, frame.SubBatch{Source: c.src, Destination: c.dst, FirstIndex: o.take(c.src, c.dst, n),
				FirstRow: uint32(at - cur.from), Rows: uint32(n)})
			at += n
			used += bytes + frame.SubBatchLen
			cur.to, cur.lastSub = at, len(o.subs)
		}
		o.count(c)
	}
	return nil
}

// unstage forgets the staged rows: they are written.
func (o *outEdge) unstage() {
	o.rows.Reset()
	o.runs = o.runs[:0]
}

// frameOverhead is what a frame takes besides rows and sub-batches: header, buffer table, alignment, one more offset per column.
func frameOverhead(s *batch.Schema) int {
	return frame.HeaderLen + s.Buffers()*(frame.BufferLen+frame.Align+4)
}

// fit returns how many of the rows perm[from:to] fit into room bytes, and their bytes.
func (o *outEdge) fit(from, to int32, room int) (n int32, bytes int) {
	if o.fixed {
		if n = to - from; int(n)*o.rowSize > room {
			n = int32(max(room, 0) / o.rowSize)
		}
		return n, int(n) * o.rowSize
	}
	order := o.sc.order()
	for i := from; i < to; i++ {
		b := o.rowBytes(int(order[i]))
		if bytes+b > room {
			break
		}
		bytes += b
		n++
	}
	return n, bytes
}

func (o *outEdge) rowBytes(row int) int {
	n := o.rowSize
	for i := range o.staged.Cols {
		if c := &o.staged.Cols[i]; c.Kind().VarLen() {
			n += len(c.Bytes(row))
		}
	}
	return n
}

// take hands out n indexes of a channel in the staged tick.
func (o *outEdge) take(src, dst frame.TaskID, n int32) frame.Index {
	if o.index == nil {
		return 0
	}
	i := int(src - o.local.First)
	row := o.index[i*o.e.Destination.Count:][:o.e.Destination.Count]
	if o.indexTick[i] != o.tick {
		o.indexTick[i] = o.tick
		clear(row)
	}
	d := dst - o.e.Destination.First
	first := row[d]
	row[d] += frame.Index(n)
	return first
}

// counter is the index of a task in sent.
func (o *outEdge) counter(task frame.TaskID) int {
	if o.e.Unordered {
		return 0
	}
	return int(task - o.local.First)
}

// count adds a cell to what its source task sent to the node in this tick.
func (o *outEdge) count(c cell) {
	rows := o.sent[o.counter(c.src)].of(o.tick, o.port.x.cluster.Nodes)
	rows[c.node] += uint64(c.to - c.from)
}
