package shuffle

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// keeper is a Copier that keeps everything.
type keeper map[CopyID][][]byte

func (k keeper) Copy(id CopyID, h *frame.Header, log *ringlog.Log, pos frame.Pos) {
	lease, err := log.Acquire(pos)
	if err != nil || h.Edge != id.Edge || h.Node != id.Node {
		panic("another chain's frame, or none")
	}
	k[id] = append(k[id], slices.Clone(lease.Bytes()))
	lease.Release()
}

func (keeper) Trim(frame.EdgeID, frame.NodeID, frame.Tick) {}

// life is an exchange with recovery, and its arena.
type testLife struct {
	*Exchange
	step func()
	kept keeper
}

func newTestLife(t *testing.T, k Cluster, edges []Edge, self frame.NodeID, i frame.Incarnation, start Start, frameBytes int, limit int64) *testLife {
	t.Helper()
	return newTestLifeIn(t, ringlog.ArenaConfig{SegmentBytes: 64 << 10, LimitBytes: limit, SpillDir: t.TempDir()}, k, edges, self, i, start, frameBytes)
}

func newTestLifeIn(t *testing.T, memory ringlog.ArenaConfig, k Cluster, edges []Edge, self frame.NodeID, i frame.Incarnation, start Start, frameBytes int, change ...func(*ExchangeConfig)) *testLife {
	t.Helper()
	arena, err := ringlog.NewArena(memory)
	if err != nil {
		t.Fatal(err)
	}
	l := &testLife{kept: keeper{}, step: func() {
		for arena.Step() {
		}
	}}
	l.step()
	cfg := ExchangeConfig{Cluster: k, Self: self, Job: 1, Incarnation: i, Edges: edges, Arena: arena, FrameBytes: frameBytes,
		CreditBytes: 10_000, LeaseBytes: 64 << 10, Sums: true, Wake: func(int) {}, WakePeer: func(frame.NodeID) {}, DrainedChanged: func() {},
		Fail: func(err error) { t.Error(err) }, Retain: true, Copier: l.kept, Starts: []Start{start},
		Room: func(<-chan struct{}) error { l.step(); return nil }}
	for _, f := range change {
		f(&cfg)
	}
	l.Exchange, err = NewExchange(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(l.Close(), arena.Close()); err != nil {
			t.Error(err)
		}
	})
	return l
}

// emitAll has the tasks of a node emit what the scripts say of the ticks above `after`, in an order and with cuts of frames from rng.
func (l *testLife) emitAll(t *testing.T, scripts []script, after, ticks frame.Tick, rng *rand.Rand) error {
	t.Helper()
	var own []script
	for _, s := range scripts {
		if s.tick, s.at = int(after), 0; l.cluster.Node(l.edges[0].Source, s.task) == l.self {
			own = append(own, s)
		}
	}
	for len(own) > 0 {
		i := rng.IntN(len(own))
		s := &own[i]
		port := l.Port(coreOn(l.cluster, l.edges[0].Source, s.task, l.self))
		if s.tick == int(ticks) {
			own = slices.Delete(own, i, i+1)
			continue
		}
		tick := frame.Tick(s.tick + 1)
		if rows := s.rows[s.tick]; s.at < len(rows) {
			ok, err := emit(port, 0, s.task, tick, rows[s.at], rng.IntN(3))
			if err != nil {
				return err
			}
			if ok {
				s.at++
			} else {
				l.step()
			}
			continue
		}
		port.Close(0, s.task, tick, tick, frame.CTI(tick-1), frame.CTI(tick))
		s.tick, s.at = s.tick+1, 0
		if rng.IntN(3) > 0 {
			if _, err := port.FlushAll(); err != nil {
				return err
			}
		}
	}
	for c := range l.cluster.Cores {
		for done := false; !done; l.step() {
			var err error
			if done, err = l.Port(c).FlushAll(); err != nil {
				return err
			}
		}
	}
	return nil
}

// copiesOf cuts what a life had copied into what some peers may have got of it.
func copiesOf(frames [][]byte, rng *rand.Rand) (all [][][]byte) {
	for range 1 + rng.IntN(2) {
		from, to := 0, len(frames)
		if rng.IntN(2) == 0 && to > 0 {
			from = rng.IntN(to)
		}
		if rng.IntN(2) == 0 {
			to -= rng.IntN(to - from + 1)
		}
		all = append(all, frames[from:to])
	}
	return all
}

// TestPreloadServesAndIsComparedWith: whatever peers hold of a life, the next one sends every row once, those that were held before its tasks
// have computed anything.
func TestPreloadServesAndIsComparedWith(t *testing.T) {
	for seed := range uint64(120) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { preloadOnce(t, seed) })
	}
}

func preloadOnce(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 3))
	nSrc, nDst, ticks := 1+rng.IntN(6), 1+rng.IntN(9), frame.Tick(1+rng.IntN(8))
	unordered := rng.IntN(2) == 0
	edges := []Edge{{Schema: testSchema, Source: TaskRange{0, nSrc}, Destination: TaskRange{50, nDst}, Keys: []int{0}, Unordered: unordered,
		Policy: Policy{Keep: Replicate, Copies: 1}}}
	k := Cluster{Nodes: 2, Cores: 1 + rng.IntN(2), Placed: func(r TaskRange, n frame.NodeID) TaskRange {
		return oneNodeEach(2)(TaskRange{First: r.First, Count: r.Count}, n)
	}}
	want, scripts := plannedRows(t, rng, nSrc, nDst, ticks)
	after := frame.Tick(rng.IntN(int(ticks)))

	// The sources are on node 1, the destinations on node 0.
	first := newTestLife(t, k, edges, 1, 1, Start{}, 2048+rng.IntN(8000), 2<<20)
	if err := first.emitAll(t, scripts, 0, ticks, rng); err != nil {
		t.Fatal(err)
	}
	ctis := slices.Repeat([]frame.CTI{frame.CTI(after)}, nSrc)
	second := newTestLife(t, k, edges, 1, 2, Start{Emitted: after}, 2048+rng.IntN(8000), int64(1+rng.IntN(2))<<20)
	through := map[frame.CoreID]frame.Tick{}
	for core := range k.Cores {
		id := CopyID{Edge: 0, Node: 0, Core: frame.CoreID(core)}
		var copies []Copied
		for _, frames := range copiesOf(first.kept[id], rng) {
			copies = append(copies, Copied{id, frames})
		}
		p, err := second.Preload(id, copies, func() bool { second.step(); return true })
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range copies {
			if len(c.Frames) == len(first.kept[id]) && p.Through != ticks && k.On(edges[0].Source, 1, id.Core).Count > 0 && p.Reason == nil {
				t.Errorf("core %d: all was copied, and held is %+v of %d ticks", core, p, ticks)
			}
		}
		through[id.Core] = p.Through
	}
	receiver := newTestLife(t, k, edges, 0, 1, Start{Executed: after, CTIs: ctis}, 16<<10, 2<<20)
	l := &testLink{from: 1, to: 0, out: second.peers[0], in: receiver.from[1]}
	l.attach(t)
	for key := range want {
		if key.tick <= after {
			delete(want, key)
		}
	}
	for range 3000 { // what is held comes before anything was computed again
		l.step(t, rng)
		for c := range k.Cores {
			consume(t, receiver.Port(c), want, unordered, rng)
		}
	}
	held := ticks
	for core := range k.Cores {
		if k.On(edges[0].Source, 1, frame.CoreID(core)).Count > 0 {
			held = min(held, through[frame.CoreID(core)])
		}
	}
	if got := frame.Tick(receiver.done[0].node.Load()); got != held {
		t.Fatalf("the receiver executed %d, held is %d of %d", got, held, ticks)
	}
	if err := second.emitAll(t, scripts, after, ticks, rng); err != nil {
		t.Fatal(err)
	}
	for steps := 0; frame.Tick(receiver.done[0].node.Load()) < ticks; steps++ {
		if steps > 100_000 {
			t.Fatal("no end")
		}
		l.step(t, rng)
		receiver.step()
		for c := range k.Cores {
			consume(t, receiver.Port(c), want, unordered, rng)
		}
	}
	for key, rows := range want {
		if len(rows) > 0 {
			t.Errorf("%+v: %d rows never came", key, len(rows))
		}
	}
	for c := range k.Cores {
		if o := second.Port(c).outs[0]; o != nil && o.held != nil {
			t.Errorf("core %d still holds ticks %v, it is at %d", c, o.held.through, o.held.passed)
		}
	}
}

// TestTripwire: a life that comes to other rows than the one before is stopped, and told where.
func TestTripwire(t *testing.T) {
	for name, change := range map[string]func(rows []*batch.Batch) []*batch.Batch{
		"a cell": func(rows []*batch.Batch) []*batch.Batch {
			b := batch.NewBuilder(testSchema)
			b.AppendBatch(rows[0], 0, rows[0].N)
			b.Cols[3].I64[b.Len()/2]++
			return append([]*batch.Batch{b.View()}, rows[1:]...)
		},
		"a row too many": func(rows []*batch.Batch) []*batch.Batch {
			b := batch.NewBuilder(testSchema)
			appendTestRow(b, 1, 2)
			return append(rows[:len(rows):len(rows)], b.View())
		},
		"a row too few": func(rows []*batch.Batch) []*batch.Batch {
			b := rows[0].Slice(0, rows[0].N-1)
			return append([]*batch.Batch{&b}, rows[1:]...)
		},
		"their order": func(rows []*batch.Batch) []*batch.Batch {
			last, rest := rows[0].Slice(rows[0].N-1, rows[0].N), rows[0].Slice(0, rows[0].N-1)
			return append([]*batch.Batch{&last, &rest}, rows[1:]...)
		},
	} {
		for _, unordered := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/unordered=%v", name, unordered), func(t *testing.T) { tripOnce(t, unordered, change, name == "their order") })
		}
	}
}

func tripOnce(t *testing.T, unordered bool, change func([]*batch.Batch) []*batch.Batch, order bool) {
	rng := rand.New(rand.NewPCG(1, 5))
	edges := []Edge{{Schema: testSchema, Source: TaskRange{0, 2}, Destination: TaskRange{50, 1}, Keys: []int{0}, Unordered: unordered,
		Policy: Policy{Keep: Replicate, Copies: 1}}}
	k := Cluster{Nodes: 2, Cores: 1, Placed: oneNodeEach(2)}
	scripts := make([]script, 2)
	for task := range scripts {
		scripts[task].task = frame.TaskID(task)
		for range 4 {
			b := batch.NewBuilder(testSchema)
			for range 20 {
				appendTestRow(b, rng.Int64N(9), rng.Int64()>>1)
			}
			scripts[task].rows = append(scripts[task].rows, []*batch.Batch{b.View()})
		}
	}
	first := newTestLife(t, k, edges, 1, 1, Start{}, 4096, 2<<20)
	if err := first.emitAll(t, scripts, 0, 4, rng); err != nil {
		t.Fatal(err)
	}
	second := newTestLife(t, k, edges, 1, 2, Start{}, 4096, 2<<20)
	id := CopyID{Edge: 0, Node: 0, Core: 0}
	if p, err := second.Preload(id, []Copied{{id, first.kept[id]}}, func() bool { return false }); err != nil || p.Through != 4 {
		t.Fatalf("%+v, %v", p, err)
	}
	scripts[1].rows[2] = change(scripts[1].rows[2])
	err := second.emitAll(t, scripts, 0, 4, rng)
	if order && unordered { // has none
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	if !errors.Is(err, ErrTripwire) {
		t.Fatalf("got %v, want %v", err, ErrTripwire)
	}
	for _, part := range []string{"edge 0", "task 1", "destination task 50", "tick 3"} {
		if unordered && part == "task 1" {
			part = "tasks 0 to 1"
		}
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v: want %q in it", err, part)
		}
	}
}

// TestPreloadOfDamage: bytes that were changed, or are of something else, are not used, and nothing else goes wrong.
func TestPreloadOfDamage(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 5))
	edges := []Edge{{Schema: testSchema, Source: TaskRange{0, 2}, Destination: TaskRange{50, 3}, Keys: []int{0}, Policy: Policy{Keep: Replicate, Copies: 1}}}
	k := Cluster{Nodes: 2, Cores: 1, Placed: oneNodeEach(2)}
	_, scripts := plannedRows(t, rng, 2, 3, 6)
	first := newTestLife(t, k, edges, 1, 1, Start{}, 4096, 2<<20)
	if err := first.emitAll(t, scripts, 0, 6, rng); err != nil {
		t.Fatal(err)
	}
	id := CopyID{Edge: 0, Node: 0, Core: 0}
	frames := first.kept[id]
	for range 200 {
		at := rng.IntN(len(frames))
		bad := slices.Clone(frames)
		bad[at] = slices.Clone(frames[at])
		if rng.IntN(4) == 0 {
			bad[at] = bad[at][:rng.IntN(len(bad[at]))]
		} else {
			bad[at][rng.IntN(len(bad[at]))] ^= 1 << rng.IntN(8)
		}
		second := newTestLife(t, k, edges, 1, 2, Start{}, 4096, 1<<20)
		p, err := second.Preload(id, []Copied{{id, bad}}, func() bool { return false })
		if err != nil {
			t.Fatal(err)
		}
		if p.Reason == nil || p.Through == 6 {
			t.Fatalf("frame %d of %d was damaged, and held is %+v", at, len(frames), p)
		}
		if err := second.emitAll(t, scripts, 0, 6, rng); err != nil {
			t.Fatal(err)
		}
	}
}
