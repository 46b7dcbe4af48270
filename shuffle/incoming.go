package shuffle

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// incoming is what a node receives from one other: frames are checked, copied once into a receive log, and handed to the cores as
// references. It implements netio.Incoming.
//
// Invariants:
//   - edges[e].prog covers the tasks of edge e's source stage on the sending node: Closed of the credits comes from it
//   - edges[e].ticks counts the rows received and announced of ticks above the closed one; they are equal when the tick closes
type incoming struct {
	x       *Exchange
	from    frame.NodeID
	log     *ringlog.Log  // written by the link's reader only
	room    chan struct{} // a segment may be free again
	waits   waits
	rows    atomic.Uint64 // received
	view    batch.Batch
	entries []frame.CloseEntry // of the CLOSE at hand
	edges   []*linkEdge        // by edge; nil where nothing comes from that node
	mu      struct {
		sync.Mutex
		credit *netio.Receiver
		held   []map[frame.Tick]int // by edge: bytes of frames by tick, until executed
		kept   [][]keptFrame        // by edge: frames in shared memory, until executed
	}
}

type linkEdge struct {
	e     *Edge
	prog  *progress
	local TaskRange
	ticks map[frame.Tick]tickRows
}

type tickRows struct{ got, want uint64 }

var _ netio.Incoming = (*incoming)(nil)

func newIncoming(x *Exchange, from frame.NodeID) (*incoming, error) {
	in := &incoming{x: x, from: from, room: make(chan struct{}, 1), edges: make([]*linkEdge, len(x.edges))}
	in.waits.init(len(x.edges))
	var ids []frame.EdgeID
	for i := range x.edges {
		e := &x.edges[i]
		src, dst := x.cluster.OnNode(e.Source, from), x.cluster.OnNode(e.Destination, x.self)
		if src.Count > 0 && dst.Count > 0 && (x.cfg.Shadow == nil || x.cfg.Shadow.reads[i]) {
			in.edges[i] = &linkEdge{e: e, prog: newProgress(src, x.cfg.start(e.ID).of(e.Source, src)), local: dst, ticks: map[frame.Tick]tickRows{}}
			ids = append(ids, e.ID)
		}
	}
	in.mu.credit = netio.NewReceiver(x.cfg.CreditBytes, ids)
	in.mu.held = make([]map[frame.Tick]int, len(x.edges))
	in.mu.kept = make([][]keptFrame, len(x.edges))
	for _, id := range ids {
		in.mu.held[id] = map[frame.Tick]int{}
		executed := x.cfg.start(id).Executed
		in.mu.credit.SetOpen(id, executed+1)
		in.mu.credit.SetClosed(id, executed)
		in.mu.credit.SetDrained(id, executed)
	}
	log, err := x.cfg.Arena.NewLog(ringlog.LogConfig{Job: x.cfg.Job, Node: from, Incarnation: x.cfg.Incarnation, Relay: true,
		Reserve: x.cfg.ReceiveReserve, Wake: in.roomMade})
	in.log = log
	return in, err
}

// Attach begins sessions of all edges: what the last ones left open is dropped everywhere, and asked for again.
func (in *incoming) Attach(peer wire.Hello) error {
	if peer.Node != in.from {
		return fmt.Errorf("%w: node %d dials for node %d", ErrProtocol, peer.Node, in.from)
	}
	for _, le := range in.edges {
		if le == nil {
			continue
		}
		clear(le.ticks)
		// Closes above the least one come again with their rows.
		le.prog.rewind()
		in.skip(le)
	}
	for _, p := range in.x.ports {
		p.box.put(arrival{kind: arriveReset, from: in.from})
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.mu.credit.Attach()
	return nil
}

// Frame takes a BEGIN, DATA or CLOSE.
func (in *incoming) Frame(b []byte) error {
	head, err := wire.ParseHead(b, in.x.cfg.FrameBytes)
	if err != nil {
		return err
	}
	if !head.IsFrame() {
		return in.begin(b)
	}
	_, err = in.frame(b, nil)
	return err
}

// frame takes a frame that came by itself, or lies in the shared segment s.
func (in *incoming) frame(b []byte, s Shared) (kept bool, err error) {
	h := frame.DecodeHeader(b)
	if err := h.Valid(in.x.cfg.FrameBytes); err != nil {
		return false, err
	}
	if err := frame.VerifySum(b); err != nil {
		return false, err
	}
	if int(h.Edge) >= len(in.edges) || in.edges[h.Edge] == nil {
		return false, fmt.Errorf("%w: %d", netio.ErrUnknownEdge, h.Edge)
	}
	switch h.Type {
	case frame.Data:
		return in.data(in.edges[h.Edge], h, b, s)
	case frame.Close:
		return false, in.closes(in.edges[h.Edge], h, b)
	}
	return false, fmt.Errorf("%w: %v frame on a link", ErrProtocol, h.Type)
}

func (in *incoming) begin(b []byte) error {
	m, err := wire.Decode(b)
	if err != nil {
		return err
	}
	if m.Type != wire.TypeBegin {
		return fmt.Errorf("%w: %v from a sender", ErrProtocol, m.Type)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	for i := range m.Len() {
		if err := in.mu.credit.OnBegin(m.Begin(i)); err != nil {
			return err
		}
	}
	return nil
}

func (in *incoming) data(le *linkEdge, h frame.Header, b []byte, s Shared) (kept bool, err error) {
	f, err := frame.ParseData(h, b)
	if err != nil {
		return false, err
	}
	if err := in.check(le, &f); err != nil {
		return false, err
	}
	in.mu.Lock()
	err = in.mu.credit.OnFrame(h.Edge, h.Tick, len(b))
	if err == nil {
		in.mu.held[h.Edge][h.Tick] += len(b)
		if s != nil {
			in.keep(&h, s)
		}
	}
	in.mu.Unlock()
	if errors.Is(err, netio.ErrOldSession) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	a := arrival{kind: arriveData, edge: h.Edge, tick: h.Tick, from: in.from, log: s, pos: h.Pos}
	if s == nil {
		a.log = in.log
		if a.pos, err = in.store(&h, b); err != nil {
			in.x.cfg.Fail(fmt.Errorf("receiving from node %d: %w", in.from, err))
			return false, err
		}
	}
	rows := le.ticks[h.Tick]
	rows.got += uint64(f.Rows())
	in.rows.Add(uint64(f.Rows()))
	le.ticks[h.Tick] = rows
	for _, p := range in.x.ports {
		if touches(&f, p.ins[h.Edge].tasks()) {
			p.box.put(a)
		}
	}
	return s != nil, nil
}

// check judges what a peer sent against the edge: schema, offsets, tasks.
func (in *incoming) check(le *linkEdge, f *frame.DataFrame) error {
	if err := batch.Decode(&in.view, le.e.Schema, f); err != nil {
		return err
	}
	if err := in.view.CheckOffsets(); err != nil {
		return err
	}
	if (f.Flags&frame.Unordered != 0) != le.e.Unordered {
		return fmt.Errorf("%w: flags %#x on edge %d", ErrProtocol, f.Flags, f.Edge)
	}
	if f.Tick == 0 || f.Tick <= le.prog.closed {
		return fmt.Errorf("%w: rows of tick %d on edge %d after its close", ErrProtocol, f.Tick, f.Edge)
	}
	if f.Flags&frame.Dense != 0 {
		first, count := f.DenseRange()
		if !le.local.Contains(first) || !le.local.Contains(first+frame.TaskID(count-1)) {
			return fmt.Errorf("%w: rows for tasks %d to %d, want %v", ErrProtocol, first, int(first)+count-1, le.local)
		}
		return nil
	}
	for i := range int(f.SubBatches) {
		if s := f.SubBatch(i); !le.prog.tasks.Contains(s.Source) || !le.local.Contains(s.Destination) {
			return fmt.Errorf("%w: rows from task %d to %d, want %v to %v", ErrProtocol, s.Source, s.Destination, le.prog.tasks, le.local)
		}
	}
	return nil
}

// touches reports whether a frame has rows for one of the tasks.
func touches(f *frame.DataFrame, tasks TaskRange) bool {
	if tasks.Count == 0 {
		return false
	}
	if f.Flags&frame.Dense != 0 {
		first, count := f.DenseRange()
		return int(first) < int(tasks.First)+tasks.Count && int(tasks.First) < int(first)+count
	}
	for i := range int(f.SubBatches) {
		if tasks.Contains(f.SubBatch(i).Destination) {
			return true
		}
	}
	return false
}

// store copies a frame into the receive log; with no segment free it waits for one, which stops the link and nothing else.
func (in *incoming) store(h *frame.Header, b []byte) (frame.Pos, error) {
	for {
		pos, err := in.log.Append(b)
		if !errors.Is(err, ringlog.ErrNoSegment) {
			in.waits.written(h.Edge)
			return pos, err
		}
		in.waits.refused(h.Edge, h.Tick)
		if err := in.x.cfg.Room(in.room); err != nil {
			return 0, err
		}
	}
}

func (in *incoming) roomMade() {
	select {
	case in.room <- struct{}{}:
	default:
	}
}

func (in *incoming) closes(le *linkEdge, h frame.Header, b []byte) error {
	entries, err := frame.ParseClose(h, b, in.entries[:0])
	in.entries = entries
	if err != nil {
		return err
	}
	in.mu.Lock()
	err = in.mu.credit.Fresh(h.Edge)
	in.mu.Unlock()
	if errors.Is(err, netio.ErrOldSession) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Rows > 0 && e.FirstTick > le.prog.closed {
			rows := le.ticks[e.FirstTick]
			rows.want += e.Rows
			le.ticks[e.FirstTick] = rows
		}
		if err := le.prog.close(e); err != nil {
			return err
		}
	}
	le.prog.pass(le.prog.closed)
	for t, rows := range le.ticks {
		if t > le.prog.closed {
			continue
		}
		if rows.got != rows.want {
			return fmt.Errorf("%w: edge %d, tick %d: %d rows arrived, the closes say %d", ErrProtocol, h.Edge, t, rows.got, rows.want)
		}
		delete(le.ticks, t)
	}
	in.x.putClose(h.Edge, in.from, entries)
	in.mu.Lock()
	defer in.mu.Unlock()
	in.mu.credit.SetClosed(h.Edge, le.prog.closed)
	in.wakeIfPending()
	return nil
}

func (in *incoming) wakeIfPending() {
	if in.mu.credit.Pending() {
		in.x.cfg.WakePeer(in.from)
	}
}

// executed returns the credit of frames up to tick t, which this node's tasks have executed.
func (in *incoming) executed(e frame.EdgeID, t frame.Tick) {
	if in.edges[e] == nil {
		return
	}
	in.log.Trim(frame.Chain{Edge: e, Node: in.x.self}, t)
	in.mu.Lock()
	defer in.mu.Unlock()
	for tick, n := range in.mu.held[e] {
		if tick <= t {
			in.mu.credit.Released(e, n)
			delete(in.mu.held[e], tick)
		}
	}
	in.letGo(e, t)
	in.mu.credit.SetOpen(e, max(t, t+1))
	in.wakeIfPending()
}

func (in *incoming) drained(e frame.EdgeID, t frame.Tick) {
	if in.edges[e] == nil {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.mu.credit.SetDrained(e, t)
	in.wakeIfPending()
}

// Messages appends the grants that are due.
func (in *incoming) Messages(buf []byte) []byte {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.mu.credit.Messages(buf)
}

// Detach needs to do nothing: the next Attach drops what this session left open.
func (in *incoming) Detach(error) {}
