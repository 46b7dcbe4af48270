package shuffle

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// secondTask is the first of the second instances' numbers.
const secondTask = 200

// TestInstancesAreReadOnce has each source task twice, on two nodes, which send the same rows at a pace of their own over links that are cut: each row is
// read once, in canonical order, and none waits for the slower instance.
func TestInstancesAreReadOnce(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { runInstances(t, seed) })
	}
}

func runInstances(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 17))
	nSrc, nDst, ticks := 1+rng.IntN(6), 1+rng.IntN(9), frame.Tick(1+rng.IntN(40))
	edges := []Edge{
		{Schema: testSchema, Source: TaskRange{0, nSrc}, Destination: TaskRange{50, nDst}, Keys: []int{0}},
		{ID: 1, Schema: testSchema, Source: TaskRange{secondTask, nSrc}, Destination: TaskRange{50, nDst}, Keys: []int{0}, Instances: Instances{Second: true}},
	}
	k := Cluster{Nodes: 2 + rng.IntN(2), Cores: 1 + rng.IntN(2)}
	k.Placed = func(r TaskRange, n frame.NodeID) TaskRange {
		if r.First == secondTask {
			n = (n + 1) % frame.NodeID(k.Nodes)
		}
		return r.Part(int(n), k.Nodes)
	}
	c := newTestCluster(t, k, edges, 64<<10, 2048+rng.IntN(8000), 1+rng.IntN(20_000), 2<<20, seed)
	want, scripts := plannedRows(t, rng, nSrc, nDst, ticks)
	for _, s := range scripts[:nSrc] {
		s.edge, s.task = 1, secondTask+s.task
		scripts = append(scripts, s)
	}
	links := c.links()
	slow := scripts[nSrc:] // the instances of a task are slow by turns
	cuts := rng.IntN(6)
	for steps := 0; !finished(c, ticks); steps++ {
		if steps > 600_000 {
			t.Fatalf("no end after %d steps", steps)
		}
		if rng.IntN(500) == 0 {
			slow = scripts[rng.IntN(2)*nSrc:][:nSrc]
		}
		switch rng.IntN(4) {
		case 0:
			if s := &scripts[rng.IntN(len(scripts))]; s.edge != slow[0].edge || rng.IntN(20) == 0 {
				s.on(t, c, k, ticks)
			}
		case 1:
			l := links[rng.IntN(len(links))]
			if cut := cuts > 0 && l.up && rng.IntN(200) == 0; cut {
				cuts--
				l.cut()
			} else if !l.up {
				l.attach(t)
			} else {
				l.step(t, rng)
			}
		case 2:
			for _, step := range c.step {
				step()
			}
		default:
			consume(t, c.xs[rng.IntN(k.Nodes)].Port(rng.IntN(k.Cores)), want, false, rng)
		}
	}
	for key, rows := range want {
		t.Errorf("%+v: %d rows never came", key, len(rows))
	}
}

// TestDrainedByEither: of destination tasks that are there twice, the instance that is further says how far a tick is drained.
func TestDrainedByEither(t *testing.T) {
	edges := []Edge{
		{Schema: testSchema, Source: TaskRange{0, 1}, Destination: TaskRange{50, 2}, Instances: Instances{Twice: true, Other: 1}},
		{ID: 1, Schema: testSchema, Source: TaskRange{0, 1}, Destination: TaskRange{secondTask, 2}},
	}
	k := Cluster{Nodes: 2, Cores: 1, Placed: func(r TaskRange, n frame.NodeID) TaskRange {
		if r.First == secondTask {
			n = 1 - n
		}
		return r.Part(int(n), 2)
	}}
	x := newTestCluster(t, k, edges, 64<<10, 4096, 4096, 2<<20, 0).xs[0]
	here := func(e frame.EdgeID, tick frame.Tick) { x.SetDrained(e, tick) }
	there := func(e frame.EdgeID, tick frame.Tick) { x.peers[1].drain[e].Store(uint64(tick)) }
	for i, c := range []struct {
		set  func(frame.EdgeID, frame.Tick)
		edge frame.EdgeID
		tick frame.Tick
		want frame.Tick
	}{
		{here, 0, 5, 0}, // task 50; 51 and its second instance, which is here, have drained nothing
		{here, 1, 3, 3},
		{there, 0, 4, 4},
		{there, 1, 9, 4}, // the second instance of 50
		{here, 1, 7, 7},
	} {
		if c.set(c.edge, c.tick); x.Drained(0) != c.want {
			t.Errorf("step %d: drained up to %d, want %d", i, x.Drained(0), c.want)
		}
	}
}
