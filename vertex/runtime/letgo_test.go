package runtime

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

// endings counts how sinks end.
type endings struct{ opened, aborted, left int }

type endingSink struct {
	vertex.Sink
	n *endings
}

func (s endingSink) Abort() { s.n.aborted++ }
func (s endingSink) Leave() { s.n.left++ }

var errTest = errors.New("told to fail")

// TestNoNodeLetsGo wants a node that cannot be made to have ended the sinks that it opened: with recovery they keep what was written.
func TestNoNodeLetsGo(t *testing.T) {
	for name, spoil := range map[string]func(*NodeConfig, *Op){
		"an operator": func(_ *NodeConfig, op *Op) { op.New = func(Env) (vertex.Vertex, error) { return nil, errTest } },
		"no address":  func(cfg *NodeConfig, _ *Op) { cfg.Nodes, cfg.Listen = 2, "nowhere" },
	} {
		for _, recovery := range []bool{false, true} {
			var sink *vertextest.MemorySink
			var n endings
			src := &vertextest.MemorySource{Rows: []*batch.Batch{testRows(rand.New(rand.NewPCG(1, 5)), 10)}}
			plan := threeStages(src, &sink, 4, false)
			last := &plan.Stages[2]
			open := last.Sink
			last.Sink = func(position []byte, wake func()) (vertex.Sink, error) {
				s, err := open(position, wake)
				n.opened++
				return endingSink{s, &n}, err
			}
			cfg := NodeConfig{
				Plan: plan, JobID: 1, Nodes: 1, Cores: 2, Incarnation: 1, Schedule: Schedule{Bytes: 4096}, Admission: Admission{Ticks: 64, Bytes: 1 << 20},
				FrameBytes: 16 << 10, SegmentBytes: 64 << 10, CreditBytes: 64 << 10, ArenaBytes: 4 << 20, Pages: func(int) state.Pages { return &state.HeapPages{} },
			}
			want := endings{opened: 1, aborted: 1}
			if recovery {
				cfg.Recovery = &Recovery{Journal: newDisk(3).journal}
				want = endings{opened: 1, left: 1}
			}
			spoil(&cfg, &last.Ops[0])
			if _, err := NewNode(cfg); err == nil || n != want {
				t.Errorf("%s, recovery %v: got %+v and %v, want %+v and an error", name, recovery, n, err, want)
			}
		}
	}
}
