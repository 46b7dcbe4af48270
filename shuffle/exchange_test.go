package shuffle

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/shuffle/partition"
)

var testSchema = &batch.Schema{Fields: []batch.Field{
	{Name: "key", Kind: batch.Int64}, {Name: "text", Kind: batch.String, Nullable: true}, {Name: "flag", Kind: batch.Bool}, {Name: "seq", Kind: batch.Int64},
}}

// cluster is a set of exchanges in one thread; pump moves frames and messages between them.
type testCluster struct {
	t    *testing.T
	xs   []*Exchange
	step []func() // of the arenas
	rng  *rand.Rand
}

func newTestCluster(t *testing.T, k Cluster, edges []Edge, segment, frameBytes, credit int, limit int64, seed uint64) *testCluster {
	t.Helper()
	c := &testCluster{t: t, rng: rand.New(rand.NewPCG(seed, 1))}
	for n := range k.Nodes {
		arena, err := ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: segment, LimitBytes: limit, SpillDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		step := func() {
			for arena.Step() {
			}
		}
		step()
		c.step = append(c.step, step)
		x, err := NewExchange(ExchangeConfig{Cluster: k, Self: frame.NodeID(n), Job: 1, Incarnation: 1, Edges: edges, Arena: arena, FrameBytes: frameBytes,
			CreditBytes: credit, LeaseBytes: 64 << 10, Sums: true, Wake: func(int) {}, WakePeer: func(frame.NodeID) {},
			DrainedChanged: func() {}, Fail: func(err error) { t.Error(err) },
			Room: func(<-chan struct{}) error {
				if !arena.Step() {
					return fmt.Errorf("node %d: no room and nothing to spill", n)
				}
				return nil
			}})
		if err != nil {
			t.Fatal(err)
		}
		c.xs = append(c.xs, x)
		t.Cleanup(func() {
			if err := x.Close(); err != nil {
				t.Error(err)
			}
			if err := arena.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return c
}

// want is what a destination task must see in a tick, in canonical order.
type chanKey struct {
	dst  frame.TaskID
	tick frame.Tick
}

func rowText(key, seq int64) (string, bool) {
	if seq%5 == 0 {
		return "", false
	}
	return fmt.Sprintf("text-%d-%0*d", key, int(seq%40), seq), true
}

func describe(b *batch.Batch, i int) string {
	text := "null"
	if !b.Cols[1].Null(i) {
		text = string(b.Cols[1].Bytes(i))
	}
	return fmt.Sprintf("%d|%d|%s|%v|%d", b.Vs[i], b.Cols[0].Int64s()[i], text, b.Cols[2].Bools().Get(i), b.Cols[3].Int64s()[i])
}

func TestOneNodeDeliversCanonically(t *testing.T) {
	for _, unordered := range []bool{false, true} {
		for seed := range uint64(20) {
			t.Run(fmt.Sprintf("unordered=%v/seed=%d", unordered, seed), func(t *testing.T) { runOneNode(t, unordered, seed) })
		}
	}
}

func runOneNode(t *testing.T, unordered bool, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 7))
	nSrc, nDst := 1+rng.IntN(5), 1+rng.IntN(9)
	if seed%4 == 3 {
		nDst += manyPlaces - 4 // rows are gathered for most of these, scattered for the others
	}
	edges := []Edge{{Schema: testSchema, Source: TaskRange{3, nSrc}, Destination: TaskRange{20, nDst}, Keys: []int{0}, Unordered: unordered}}
	k := Cluster{Nodes: 1, Cores: 1 + rng.IntN(3)}
	c := newTestCluster(t, k, edges, 64<<10, 4096, 4096, 8<<20, seed)
	x := c.xs[0]
	routing, err := partition.NewRouting(partition.KeyGroups(nDst), nDst)
	if err != nil {
		t.Fatal(err)
	}
	want := map[chanKey][]string{}
	const ticks = 4
	b := batch.NewBuilder(testSchema)
	for tick := frame.Tick(1); tick <= ticks; tick++ {
		for src := range nSrc {
			task := frame.TaskID(3 + src)
			port := x.Port(coreOn(k, edges[0].Source, task, 0))
			for range rng.IntN(3) {
				b.Reset()
				for range 1 + rng.IntN(300) {
					key, seq := rng.Int64N(50), rng.Int64()>>1
					appendTestRow(b, key, seq)
				}
				view := b.View()
				hashes := partition.HashRows(view, []int{0}, nil, make([]uint64, view.N))
				for i, h := range hashes {
					dst := frame.TaskID(20)
					if nDst > 1 {
						dst += frame.TaskID(routing.Task(h))
					}
					want[chanKey{dst, tick}] = append(want[chanKey{dst, tick}], describe(view, i))
				}
				way := rng.IntN(3)
				retry(t, c.step[0], func() (bool, error) { return emit(port, 0, task, tick, view, way) })
			}
			port.Close(0, task, tick, tick, frame.CTI(tick-1), frame.CTI(tick))
		}
	}
	for core := range k.Cores {
		retry(t, c.step[0], x.Port(core).FlushAll)
	}
	for core := range k.Cores {
		port := x.Port(core)
		if _, err := port.Poll(); err != nil {
			t.Fatal(err)
		}
		if port.ins[0] == nil {
			continue
		}
		if got := port.Closed(0); got != ticks {
			t.Fatalf("closed %d, want %d", got, ticks)
		}
		for tick := frame.Tick(1); tick <= ticks; tick++ {
			if got := port.CTI(0, tick); got != frame.CTI(tick) {
				t.Fatalf("CTI %d at tick %d", got, tick)
			}
			for i := range port.ins[0].local.Count {
				task := port.ins[0].local.First + frame.TaskID(i)
				got := drainTask(t, port, tick, task, rng)
				compareRows(t, got, want[chanKey{task, tick}], unordered)
				delete(want, chanKey{task, tick})
			}
			port.Executed(0, tick)
		}
	}
	for key, rows := range want {
		t.Errorf("%+v: %d rows never came", key, len(rows))
	}
}

// retry calls f until it is done, with room made in between.
func retry(t *testing.T, room func(), f func() (bool, error)) {
	t.Helper()
	for range 1000 {
		done, err := f()
		if err != nil {
			t.Fatal(err)
		}
		if done {
			return
		}
		room()
	}
	t.Fatal("never any room")
}

func appendTestRow(b *batch.Builder, key, seq int64) {
	b.AppendTime(seq%1000, 0, 0)
	b.Cols[0].AppendInt64(key)
	if text, ok := rowText(key, seq); ok {
		b.Cols[1].AppendString(text)
		b.Cols[1].SetValid(true)
	} else {
		b.Cols[1].AppendNull()
	}
	b.Cols[2].AppendBool(seq%3 == 0)
	b.Cols[3].AppendInt64(seq)
}

func drainTask(t *testing.T, p *Port, tick frame.Tick, task frame.TaskID, rng *rand.Rand) []string {
	t.Helper()
	var got []string
	var rows batch.Batch
	for {
		ok, err := p.Peek(0, tick, task, &rows)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return got
		}
		n := 1 + rng.IntN(rows.N)
		for i := range n {
			got = append(got, describe(&rows, i))
		}
		p.Consume(0, n)
	}
}

func compareRows(t *testing.T, got, want []string, asSet bool) {
	t.Helper()
	if asSet {
		count := map[string]int{}
		for _, r := range want {
			count[r]++
		}
		for _, r := range got {
			count[r]--
		}
		for r, n := range count {
			if n != 0 {
				t.Fatalf("row %s: %d too few", r, n)
			}
		}
		return
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("rows differ:\n got %d %.300s\nwant %d %.300s", len(got), fmt.Sprint(got), len(want), fmt.Sprint(want))
	}
}

// emit hands rows to edge 0 of a port in one of three ways: to be copied, in room that was reserved for them, or in room for none.
func emit(p *Port, e frame.EdgeID, task frame.TaskID, tick frame.Tick, rows *batch.Batch, way int) (bool, error) {
	if way == 0 {
		return p.Append(e, task, tick, rows)
	}
	b, err := p.Reserve(e, task, tick, (way-1)*p.outs[e].bytes(rows))
	if b == nil {
		return false, err
	}
	b.AppendBatch(rows, 0, rows.N)
	return true, nil
}
