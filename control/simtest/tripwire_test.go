package simtest

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/runtime"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

// moody hands rows on, one in twenty with a key that is another one in every life.
type moody struct {
	pass
	life int64
	seen int
}

func (m *moody) Execute(port int, rows *batch.Batch, out *vertex.Outbox) (int, error) {
	at := out.Rows.Len()
	n, err := m.pass.Execute(port, rows, out)
	for i := range n {
		if m.seen++; m.seen%20 == 0 {
			out.Rows.Cols[0].I64[at+i] += m.life
		}
	}
	return n, err
}

// TestTripwireEndsTheRun: a vertex that computes something else in another life is found by comparing with copies of what the life before has
// sent, and the run ends with where that was. Without copies the registry of the simulator would have to find it, which no cluster has.
func TestTripwireEndsTheRun(t *testing.T) {
	caught, served := 0, uint64(0)
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 16))
		p, _, _, err := countPlan(rng)
		if err != nil {
			t.Fatal(err)
		}
		lives := int64(0)
		st := &p.Stages[1]
		st.Ops = append(st.Ops, runtime.Op{
			Name: "moody", Schema: st.Ops[0].Schema, Inputs: []runtime.Input{{Kind: runtime.FromOp, Index: 0}},
			New: func(runtime.Env) (vertex.Vertex, error) {
				lives++
				return &moody{pass: pass{st.Ops[0].Schema}, life: lives}, nil
			},
		})
		p.Edges[1].FromOp = 1
		for i := range p.Edges {
			p.Edges[i].Policy = shuffle.Policy{Keep: shuffle.Replicate, Copies: 1}
		}
		out := vertextest.NewMemoryOutput(st.Ops[0].Schema)
		p.Stages[2].Sink = func(position []byte, wake func()) (vertex.Sink, error) { return out.Open(position, wake) }
		l := Degenerate(rng)
		l.Nodes, l.Schedule = 3, runtime.Schedule{Bytes: 512}
		l.Admission.Ticks, l.CreditBytes = 64, 1 // the consumer is behind
		faults := []Fault{{Step: 2000 + rng.IntN(6000), Kind: Crash, Node: frame.NodeID(rng.IntN(3))}}
		r, err := Run(Config{Seed: seed, Limits: l, Plan: p, MaxSteps: 3_000_000,
			Faults: &Faults{Plan: faults, SnapshotIntervalNs: 1 << 40, Output: out}})
		served += r.Served
		if err != nil && strings.Contains(err.Error(), shuffle.ErrTripwire.Error()) {
			if caught++; !strings.Contains(err.Error(), "edge 1, source task") || !strings.Contains(err.Error(), ", tick ") {
				t.Errorf("it does not say where: %v", err)
			}
		}
	}
	t.Logf("%d of 60 runs were stopped; %d ticks were had from copies", caught, served)
	if caught == 0 {
		t.Error("nothing was found")
	}
}
