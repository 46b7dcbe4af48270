package shuffle

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/shuffle/partition"
)

// testLink moves frames from one exchange to another and messages back, in the same thread, and can be cut.
type testLink struct {
	from, to frame.NodeID
	out      netio.Outgoing
	in       netio.Incoming
	wire     [][]byte // units under way
	back     []byte
	up       bool
}

var errCut = errors.New("cut by the test")

func (l *testLink) attach(t *testing.T) {
	if err := l.out.Attach(wire.Hello{Node: l.to}); err != nil {
		t.Fatal(err)
	}
	if err := l.in.Attach(wire.Hello{Node: l.from}); err != nil {
		t.Fatal(err)
	}
	l.up = true
}

func (l *testLink) cut() {
	l.out.Detach(errCut)
	l.in.Detach(errCut)
	l.wire, l.back, l.up = nil, nil, false
}

// step does one thing: gathers, delivers a unit, or carries a message back.
func (l *testLink) step(t *testing.T, rng *rand.Rand) {
	switch rng.IntN(3) {
	case 0:
		for _, p := range l.out.Gather(nil, 1+rng.IntN(20_000)) {
			for len(p) > 0 {
				h, err := wire.ParseHead(p, 1<<20)
				if err != nil {
					t.Fatal(err)
				}
				l.wire = append(l.wire, append([]byte(nil), p[:h.Len]...))
				p = p[min(h.Padded(), len(p)):]
			}
		}
		l.out.Sent(nil)
	case 1:
		if len(l.wire) > 0 {
			if err := l.in.Frame(l.wire[0]); err != nil {
				t.Fatal(err)
			}
			l.wire = l.wire[1:]
		}
	default:
		l.answer(t)
	}
}

// answer carries a message back.
func (l *testLink) answer(t *testing.T) {
	l.back = l.in.Messages(l.back)
	if len(l.back) > 0 {
		h, err := wire.ParseHead(l.back, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		m, err := wire.Decode(l.back[:h.Len])
		if err != nil {
			t.Fatal(err)
		}
		if err := l.out.Receive(m); err != nil {
			t.Fatal(err)
		}
		l.back = l.back[h.Padded():]
	}
}

// script is what a source task will do, one entry a tick.
type script struct {
	edge frame.EdgeID
	task frame.TaskID
	rows [][]*batch.Batch
	tick int
	at   int
}

func TestNodesDeliverThroughCuts(t *testing.T) {
	for _, unordered := range []bool{false, true} {
		for seed := range uint64(40) {
			t.Run(fmt.Sprintf("unordered=%v/seed=%d", unordered, seed), func(t *testing.T) { runNodes(t, unordered, seed) })
		}
	}
}

func runNodes(t *testing.T, unordered bool, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 11))
	nSrc, nDst, ticks := 1+rng.IntN(6), 1+rng.IntN(9), frame.Tick(1+rng.IntN(8))
	edges := []Edge{{Schema: testSchema, Source: TaskRange{0, nSrc}, Destination: TaskRange{50, nDst}, Keys: []int{0}, Unordered: unordered}}
	k := Cluster{Nodes: 1 + rng.IntN(3), Cores: 1 + rng.IntN(2)}
	if rng.IntN(3) == 0 {
		k.Placed = oneNodeEach(k.Nodes)
	}
	c := newTestCluster(t, k, edges, 64<<10, 2048+rng.IntN(8000), 1+rng.IntN(20_000), 2<<20, seed)
	want, scripts := plannedRows(t, rng, nSrc, nDst, ticks)
	links := c.links()
	cuts := rng.IntN(6)
	for steps := 0; !finished(c, ticks); steps++ {
		if steps > 300_000 {
			t.Fatalf("no end after %d steps", steps)
		}
		switch rng.IntN(4) {
		case 0:
			scripts[rng.IntN(nSrc)].on(t, c, k, ticks)
		case 1:
			if len(links) == 0 {
				break
			}
			l := links[rng.IntN(len(links))]
			switch {
			case !l.up:
				l.attach(t)
			case cuts > 0 && rng.IntN(200) == 0:
				cuts--
				l.cut()
			default:
				l.step(t, rng)
			}
		case 2:
			for _, step := range c.step {
				step()
			}
		default:
			n := rng.IntN(k.Nodes)
			consume(t, c.xs[n].Port(rng.IntN(k.Cores)), want, unordered, rng)
		}
	}
	for key, rows := range want {
		t.Errorf("%+v: %d rows never came", key, len(rows))
	}
}

// links are those between all nodes, down.
func (c *testCluster) links() (all []*testLink) {
	for a, x := range c.xs {
		for b, y := range c.xs {
			if a != b {
				all = append(all, &testLink{from: frame.NodeID(a), to: frame.NodeID(b), out: x.peers[b], in: y.from[a]})
			}
		}
	}
	return all
}

// oneNodeEach places all tasks of a stage on one node: the sources on the last, the destinations on the first.
func oneNodeEach(nodes int) func(TaskRange, frame.NodeID) TaskRange {
	return func(r TaskRange, n frame.NodeID) TaskRange {
		at := 0
		if r.First == 0 {
			at = nodes - 1
		}
		if int(n) != at {
			return TaskRange{First: r.First}
		}
		return r
	}
}

func plannedRows(t *testing.T, rng *rand.Rand, nSrc, nDst int, ticks frame.Tick) (map[chanKey][]string, []script) {
	t.Helper()
	routing, err := partition.NewRouting(partition.KeyGroups(nDst), nDst)
	if err != nil {
		t.Fatal(err)
	}
	want, scripts := map[chanKey][]string{}, make([]script, nSrc)
	for src := range scripts {
		scripts[src].task = frame.TaskID(src)
		for tick := frame.Tick(1); tick <= ticks; tick++ {
			var rows []*batch.Batch
			for range rng.IntN(3) {
				b := batch.NewBuilder(testSchema)
				for range 1 + rng.IntN(200) {
					appendTestRow(b, rng.Int64N(50), rng.Int64()>>1)
				}
				view := b.View()
				for i, h := range partition.HashRows(view, []int{0}, nil, make([]uint64, view.N)) {
					key := chanKey{50, tick}
					if nDst > 1 {
						key.dst += frame.TaskID(routing.Task(h))
					}
					want[key] = append(want[key], describe(view, i))
				}
				rows = append(rows, view)
			}
			scripts[src].rows = append(scripts[src].rows, rows)
		}
	}
	return want, scripts
}

// on steps the script where its task is.
func (s *script) on(t *testing.T, c *testCluster, k Cluster, ticks frame.Tick) {
	from := c.xs[0].edges[s.edge].Source
	n := k.Node(from, s.task)
	s.step(t, c.xs[n].Port(coreOn(k, from, s.task, n)), ticks)
}

// step emits the next batch of the script, or closes the tick.
func (s *script) step(t *testing.T, p *Port, ticks frame.Tick) {
	if s.tick == int(ticks) {
		if _, err := p.FlushAll(); err != nil {
			t.Fatal(err)
		}
		return
	}
	tick := frame.Tick(s.tick + 1)
	if rows := s.rows[s.tick]; s.at < len(rows) {
		ok, err := emit(p, s.edge, s.task, tick, rows[s.at], (s.tick+s.at)%3)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			s.at++
		}
		return
	}
	p.Close(s.edge, s.task, tick, tick, frame.CTI(tick-1), frame.CTI(tick))
	s.tick++
	s.at = 0
}

// consume executes the next tick of a core, if it is closed, and checks its rows.
func consume(t *testing.T, p *Port, want map[chanKey][]string, unordered bool, rng *rand.Rand) {
	t.Helper()
	if _, err := p.Poll(); err != nil {
		t.Fatal(err)
	}
	in := p.ins[0]
	if in == nil || p.Closed(0) <= in.executed {
		return
	}
	tick := in.executed + 1
	for i := range in.local.Count {
		key := chanKey{in.local.First + frame.TaskID(i), tick}
		compareRows(t, drainTask(t, p, tick, key.dst, rng), want[key], unordered)
		delete(want, key)
	}
	p.Executed(0, tick)
	p.x.SetDrained(0, frame.Tick(p.x.done[0].node.Load()))
}

func finished(c *testCluster, ticks frame.Tick) bool {
	for _, x := range c.xs {
		for i := range x.done[0].byCore {
			if frame.Tick(x.done[0].byCore[i].Load()) < ticks {
				return false
			}
		}
		if x.cluster.OnNode(x.edges[0].Source, x.self).Count > 0 && (!x.Idle() || x.Drained(0) < ticks) {
			return false
		}
	}
	return true
}

func coreOn(k Cluster, r TaskRange, t frame.TaskID, n frame.NodeID) int {
	for c := range k.Cores {
		if k.On(r, n, frame.CoreID(c)).Contains(t) {
			return c
		}
	}
	panic("task nowhere")
}
