package runtime

import (
	"fmt"
	"sync/atomic"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// fused executes the operators of a stage for one task: rows are passed on by call, from outbox to operator. Whatever blocks at the
// end (a log without room, a busy sink) makes every operator before it yield; calling the same step again goes on where it stopped.
//
// Invariants:
//   - between ticks all outboxes are empty
//   - sent[i] says what of outbox i its consumers have: all of it for those before sent[i].consumer, sent[i].rows of it for that one
//
// Determinism: the outboxes are emptied after the rows of each input, so an operator with several ports sees what comes of one
// input before what comes of the next, however the rows are cut. (The planner fuses no operator both of whose ports hang on one input.)
type fused struct {
	stage *Stage
	task  frame.TaskID
	named frame.TaskID // in images
	out   edgeWriter
	sink  vertex.Sink
	nodes []fusedOp
	feeds []inputFeed // source and edges
	tick  frame.Tick
	mute  bool // the tick is executed to warm up: nothing is emitted
	// doomed, if set, has the next operator that gets rows panic.
	doomed *atomic.Bool
	err    error
	stats  *stageStats
	src    resume // how far the batch being fed has come
	seq    sequence
}

// folder is a vertex that can take the rows of a tick before it is closed, in any order (PROTOCOL F17): into an accumulator per tick,
// merged into the state when the tick is executed, or thrown away.
type folder interface {
	Fold(tick frame.Tick, port int, rows *batch.Batch) error
	Merge(tick frame.Tick) error
	Discard(tick frame.Tick)
}

// foldable reports whether every consumer of an edge can fold.
func (f *fused) foldable(in Input) bool {
	for _, c := range f.fed(in) {
		if c.kind != toOp {
			return false
		}
		if f.nodes[c.op].folder == nil {
			return false
		}
	}
	return true
}

// fold gives rows of an open tick to the accumulators of all consumers of an edge.
func (f *fused) fold(in Input, t frame.Tick, rows *batch.Batch) error {
	for _, c := range f.fed(in) {
		caller := f.stats.enter(c.op)
		err := f.nodes[c.op].folder.Fold(t, c.port, rows)
		f.stats.leave(caller)
		if h := f.nodes[c.op].horizon; h != nil {
			h.rows(t, rows.Vs[:rows.N])
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.stage.Ops[c.op].Name, err)
		}
	}
	return nil
}

// merge makes what was folded for a tick part of the state.
func (f *fused) merge(in Input, t frame.Tick) error {
	for _, c := range f.fed(in) {
		if err := f.nodes[c.op].folder.Merge(t); err != nil {
			return fmt.Errorf("%s: %w", f.stage.Ops[c.op].Name, err)
		}
	}
	return nil
}

func (f *fused) discard(in Input, t frame.Tick) {
	for _, c := range f.fed(in) {
		f.nodes[c.op].folder.Discard(t)
	}
}

// edgeWriter is what fused needs of a port.
type edgeWriter interface {
	Append(e frame.EdgeID, task frame.TaskID, t frame.Tick, rows *batch.Batch) (bool, error)
}

type fusedOp struct {
	op     vertex.Vertex
	folder folder // op, if it is one
	// horizon, if set, says that op's state is not part of images.
	horizon *horizon
	box     *vertex.Outbox
	to      []consumer
	sent    resume
	cti     frame.CTI // of the output
}

// consumer is an operator's port, an edge, or the sink.
type consumer struct {
	kind consumerKind
	op   int
	port int
	edge frame.EdgeID
}

// inputFeed is what the rows of the source, or of an edge, are for.
type inputFeed struct {
	in Input
	to []consumer
}

// fed are the consumers of an input; there are few inputs, and this is asked for every few rows.
func (f *fused) fed(in Input) []consumer {
	for i := range f.feeds {
		if f.feeds[i].in == in {
			return f.feeds[i].to
		}
	}
	return nil
}

func (f *fused) addFeed(in Input, c consumer) {
	for i := range f.feeds {
		if f.feeds[i].in == in {
			f.feeds[i].to = append(f.feeds[i].to, c)
			return
		}
	}
	f.feeds = append(f.feeds, inputFeed{in, []consumer{c}})
}

type consumerKind uint8

const (
	toOp consumerKind = iota
	toEdge
	toSink
)

type resume struct {
	consumer int
	rows     int
}

// sequence is how far the end of a tick has come.
type sequence struct {
	op    int
	close bool // the operator is closed, its outbox is being flushed
}

const (
	outboxRows  = 1024
	outboxBytes = 256 << 10
)

// newBoxes makes the builders of a stage's outboxes. Tasks that are executed one after the other, each to the end of its tick, share them:
// between ticks all are empty.
func newBoxes(s *Stage) []*batch.Builder {
	boxes := make([]*batch.Builder, len(s.Ops))
	for i := range boxes {
		boxes[i] = batch.NewBuilder(s.Ops[i].Schema)
	}
	return boxes
}

// newFused builds a task's operators over the outboxes boxes, one per operator.
func newFused(s *Stage, stageIndex int, edges []Edge, task frame.TaskID, env Env, out edgeWriter, sink vertex.Sink, stats *stageStats, boxes []*batch.Builder) (*fused, error) {
	f := &fused{stage: s, task: task, named: task, out: out, sink: sink, nodes: make([]fusedOp, len(s.Ops)), stats: stats}
	for i := range s.Ops {
		op, err := s.Ops[i].New(env)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.Ops[i].Name, err)
		}
		n := &f.nodes[i]
		n.op, n.cti = op, frame.MinCTI
		n.folder, _ = op.(folder)
		if of, ok := op.(vertex.Horizon); ok && s.Strategy == Replay {
			n.horizon = newHorizon(of)
		}
		n.box = vertex.ShareOutbox(boxes[i], outboxRows, outboxBytes, func(rows *batch.Builder) bool { return f.pass(i, rows.View()) })
		for port, in := range s.Ops[i].Inputs {
			c := consumer{kind: toOp, op: i, port: port}
			if in.Kind == FromOp {
				f.nodes[in.Index].to = append(f.nodes[in.Index].to, c)
			} else {
				f.addFeed(Input{Kind: in.Kind, Index: in.Index}, c)
			}
		}
	}
	for _, e := range edges {
		if e.From != stageIndex {
			continue
		}
		c := consumer{kind: toEdge, edge: e.ID}
		if e.FromOp == OpSource {
			f.addFeed(Input{Kind: FromSource}, c)
		} else {
			f.nodes[e.FromOp].to = append(f.nodes[e.FromOp].to, c)
		}
	}
	if s.Sink != nil {
		c := consumer{kind: toSink}
		if n := len(s.Ops); n > 0 {
			f.nodes[n-1].to = append(f.nodes[n-1].to, c)
		} else {
			f.addFeed(Input{Kind: FromSource}, c)
		}
	}
	return f, nil
}

// feed gives a batch of an input to all its consumers. done is false when something downstream is full: call again with the same batch.
func (f *fused) feed(in Input, rows *batch.Batch) (done bool, err error) {
	done = f.deliver(f.fed(in), &f.src, rows)
	return done, f.err
}

// pass delivers the rows of an operator's outbox.
func (f *fused) pass(i int, rows *batch.Batch) bool {
	if !f.deliver(f.nodes[i].to, &f.nodes[i].sent, rows) {
		return false
	}
	f.stats.out(i, rows.N)
	return true
}

func (f *fused) deliver(to []consumer, at *resume, rows *batch.Batch) bool {
	for at.consumer < len(to) {
		if !f.offer(&to[at.consumer], at, rows) {
			return false
		}
		at.consumer++
		at.rows = 0
	}
	*at = resume{}
	return f.err == nil
}

// offer gives the rows that a consumer has not had yet to it, and reports whether it took all.
func (f *fused) offer(c *consumer, at *resume, rows *batch.Batch) bool {
	if f.err != nil {
		return false
	}
	if c.kind != toOp {
		ok, err := f.emit(c, rows)
		f.fail(err)
		return ok && err == nil
	}
	rest := rows
	if at.rows > 0 {
		part := rows.Slice(at.rows, rows.N)
		rest = &part
	}
	if f.doomed != nil && f.doomed.Load() {
		panic(fmt.Sprintf("task %d of stage %s, %s: it was told to fail", f.task, f.stage.Name, f.stage.Ops[c.op].Name))
	}
	caller := f.stats.enter(c.op)
	n, err := f.nodes[c.op].op.Execute(c.port, rest, f.nodes[c.op].box)
	f.stats.leave(caller)
	f.stats.in(c.op, n)
	if err != nil {
		f.fail(fmt.Errorf("%s: %w", f.stage.Ops[c.op].Name, err))
		return false
	}
	if h := f.nodes[c.op].horizon; h != nil {
		h.rows(f.tick, rest.Vs[:n])
	}
	at.rows += n
	return at.rows == rows.N
}

func (f *fused) emit(c *consumer, rows *batch.Batch) (bool, error) {
	if f.mute {
		return true, nil
	}
	if c.kind == toEdge {
		return f.out.Append(c.edge, f.task, f.tick, rows)
	}
	ok, err := f.sink.Write(rows)
	if ok {
		f.stats.committed(rows.N)
	}
	return ok, err
}

func (f *fused) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

// settle empties all outboxes, first to last. done is false when something downstream is full.
func (f *fused) settle() (done bool, err error) {
	for i := range f.nodes {
		if !f.nodes[i].box.Flush() {
			return false, f.err
		}
	}
	return true, f.err
}

// close ends the tick: operator by operator, inputs first, each is closed with the CTI of its ports and its rows are passed on.
// ctiOf tells the CTI of an input from outside. done is false when something downstream is full: call again.
func (f *fused) close(ctiOf func(Input) frame.CTI) (done bool, err error) {
	for ; f.seq.op < len(f.nodes); f.seq.op++ {
		n := &f.nodes[f.seq.op]
		if !f.seq.close {
			if done, err := f.closeOp(f.seq.op, ctiOf); !done {
				return false, err
			}
			f.seq.close = true
		}
		if !n.box.Flush() {
			return false, f.err
		}
		f.seq.close = false
	}
	f.seq = sequence{}
	return true, f.err
}

func (f *fused) closeOp(i int, ctiOf func(Input) frame.CTI) (done bool, err error) {
	n := &f.nodes[i]
	cti := frame.MaxCTI
	for _, in := range f.stage.Ops[i].Inputs {
		if in.Kind == FromOp {
			cti = min(cti, f.nodes[in.Index].cti)
		} else {
			cti = min(cti, ctiOf(in))
		}
	}
	caller := f.stats.enter(i)
	out, done, err := n.op.Close(cti, n.box)
	f.stats.leave(caller)
	if err == nil && f.err != nil {
		return false, f.err
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", f.stage.Ops[i].Name, err)
	}
	if done {
		n.cti = max(n.cti, out)
	}
	if done && n.horizon != nil {
		n.horizon.cti = cti
	}
	return done, nil
}

// ctiOf returns the CTI of what an edge from this stage carries: of an operator's output, or of the source.
func (f *fused) ctiOf(fromOp int, source frame.CTI) frame.CTI {
	if fromOp == OpSource {
		return source
	}
	return f.nodes[fromOp].cti
}
