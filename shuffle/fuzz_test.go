package shuffle

import (
	"errors"
	"testing"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// fuzzNode is one of two nodes, with an ordered and an unordered edge from both to both.
func fuzzNode(t testing.TB, self frame.NodeID) *Exchange {
	t.Helper()
	arena, err := ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: 64 << 10, LimitBytes: 2 << 20, Backing: ringlog.Heap})
	if err != nil {
		t.Fatal(err)
	}
	edge := func(id frame.EdgeID, unordered bool) Edge {
		return Edge{ID: id, Schema: testSchema, Source: TaskRange{0, 2}, Destination: TaskRange{2, 4}, Keys: []int{0}, Unordered: unordered}
	}
	x, err := NewExchange(ExchangeConfig{Cluster: Cluster{Nodes: 2, Cores: 1}, Self: self, Job: 1, Incarnation: 1, Edges: []Edge{edge(0, false), edge(1, true)}, Arena: arena,
		FrameBytes: 4096, CreditBytes: 64 << 10, LeaseBytes: 64 << 10, Wake: func(int) {}, WakePeer: func(frame.NodeID) {}, DrainedChanged: func() {},
		Fail: func(err error) {
			if !errors.Is(err, errFuzzRoom) {
				t.Errorf("a peer made this node fail: %v", err)
			}
		},
		Room: func(<-chan struct{}) error {
			if !arena.Step() {
				return errFuzzRoom
			}
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(x.Close(), arena.Close()); err != nil {
			t.Error(err)
		}
	})
	return x
}

var errFuzzRoom = errors.New("no more room for a peer that fills its window")

// saidBy collects what node 0 sends to node 1, up to tick ticks.
func saidBy(f *testing.F, ticks frame.Tick) (said []byte) {
	x, peer := fuzzNode(f, 0), fuzzNode(f, 1)
	out, p := x.peers[1], x.Port(0)
	if err := errors.Join(out.Attach(wire.Hello{Node: 1}), peer.from[0].Attach(wire.Hello{Node: 0})); err != nil {
		f.Fatal(err)
	}
	for grants := peer.from[0].Messages(nil); len(grants) > 0; {
		h, err := wire.ParseHead(grants, 1<<20)
		if err != nil {
			f.Fatal(err)
		}
		m, err := wire.Decode(grants[:h.Len])
		if err != nil {
			f.Fatal(err)
		}
		if err := out.Receive(m); err != nil {
			f.Fatal(err)
		}
		grants = grants[h.Padded():]
	}
	b := batch.NewBuilder(testSchema)
	for t := frame.Tick(1); t <= ticks; t++ {
		for e := range frame.EdgeID(2) {
			b.Reset()
			for i := range int64(20) {
				appendTestRow(b, i, i+int64(t))
			}
			if ok, err := p.Append(e, 0, t, b.View()); !ok || err != nil {
				f.Fatal(ok, err)
			}
			p.Close(e, 0, t, t, frame.CTI(t-1), frame.CTI(t))
		}
		if ok, err := p.FlushAll(); !ok || err != nil {
			f.Fatal(ok, err)
		}
	}
	for {
		pieces := out.Gather(nil, 1<<20)
		if len(pieces) == 0 {
			return said
		}
		for _, piece := range pieces {
			said = append(said, piece...)
			said = append(said, make([]byte, -len(piece)&(wire.Align-1))...)
		}
		out.Sent(nil)
	}
}

// FuzzPeer: whatever a node sends, the other cuts it off, or delivers what can be read as rows, or finds where it is read in canonical order that the indexes
// of a channel have a gap. It does not panic.
func FuzzPeer(f *testing.F) {
	f.Add(saidBy(f, 1))
	f.Add(saidBy(f, 3))
	f.Fuzz(func(t *testing.T, b []byte) {
		x := fuzzNode(t, 1)
		in, p := x.from[0], x.Port(0)
		if err := in.Attach(wire.Hello{Node: 0}); err != nil {
			t.Fatal(err)
		}
		_ = in.Messages(nil)
		for e := range frame.EdgeID(2) { // this node's own part has ended
			p.CloseIdle(e, 1, frame.MaxTick)
		}
		if _, err := p.FlushAll(); err != nil {
			t.Fatal(err)
		}
		for len(b) >= wire.HeadLen {
			h, err := wire.ParseHead(b, 4096)
			if err != nil || h.Padded() > len(b) {
				break
			}
			wire.Seal(b[:h.Len])
			if err := in.Frame(b[:h.Len]); err != nil {
				break
			}
			b = b[h.Padded():]
			if err := executeAll(p); err != nil {
				if !errors.Is(err, ErrProtocol) {
					t.Errorf("execute: %v", err)
				}
				break
			}
			_ = in.Messages(nil)
		}
	})
}

// executeAll executes what can be executed.
func executeAll(p *Port) error {
	if _, err := p.Poll(); err != nil {
		return err
	}
	for e, in := range p.ins {
		id := frame.EdgeID(e)
		for done := in.prog.closed; ; {
			next, ok := p.NextEvent(id, p.x.executedTick(id))
			if !ok {
				p.Executed(id, done)
				break
			}
			if err := readTick(p, id, next); err != nil {
				return err
			}
			p.Executed(id, next)
		}
	}
	return nil
}

func (x *Exchange) executedTick(e frame.EdgeID) frame.Tick {
	return frame.Tick(x.done[e].byCore[0].Load())
}

func readTick(p *Port, e frame.EdgeID, tick frame.Tick) error {
	look := func(_ frame.TaskID, rows *batch.Batch) error {
		for i := range rows.N {
			_ = describe(rows, i)
		}
		return nil
	}
	if p.x.edges[e].Unordered {
		_, err := p.Fold(e, tick, look)
		return err
	}
	var rows batch.Batch
	for task := range p.ins[e].local.Count {
		id := p.ins[e].local.First + frame.TaskID(task)
		for {
			ok, err := p.Peek(e, tick, id, &rows)
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			_ = look(id, &rows)
			p.Consume(e, rows.N)
		}
	}
	return nil
}
