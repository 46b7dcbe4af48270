package runtime

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/vertex"
)

// TestCoresMakeUpAStage draws stages with and without a sink over nodes and cores: the cores' tasks, one core after the other, are those
// of the stage; and few tasks of a sink leave the first cores alone.
func TestCoresMakeUpAStage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &Plan{}
		first := frame.TaskID(0)
		for range rapid.IntRange(1, 4).Draw(t, "stages") {
			st := Stage{Tasks: rapid.IntRange(1, 9).Draw(t, "tasks"), FirstTask: first}
			if rapid.Bool().Draw(t, "sink") {
				st.Sink = func([]byte, func()) (vertex.Sink, error) { return nil, nil }
			}
			p.Stages = append(p.Stages, st)
			first += frame.TaskID(st.Tasks)
		}
		cfg := Config{Plan: p, Nodes: rapid.IntRange(1, 3).Draw(t, "nodes"), Cores: rapid.IntRange(1, 4).Draw(t, "cores")}
		k := cfg.cluster()
		for i := range p.Stages {
			st := &p.Stages[i]
			all, next := shuffle.TaskRange{First: st.FirstTask, Count: st.Tasks}, st.FirstTask
			for n := range cfg.Nodes {
				here := k.OnNode(all, frame.NodeID(n))
				for c := range cfg.Cores {
					on := k.On(all, frame.NodeID(n), frame.CoreID(c))
					if on.Count > 0 && on.First != next || on.Count > (here.Count+cfg.Cores-1)/cfg.Cores {
						t.Fatalf("stage %d of tasks %+v: core %d of node %d has %+v, want them to begin at %d", i, all, c, n, on, next)
					}
					next += frame.TaskID(on.Count)
					if st.Sink != nil && c < cfg.Cores-here.Count && on.Count > 0 {
						t.Fatalf("sink of %d tasks on node %d: core %d of %d has %d of them", here.Count, n, c, cfg.Cores, on.Count)
					}
				}
			}
			if next != st.FirstTask+frame.TaskID(st.Tasks) {
				t.Fatalf("stage %d: tasks %+v end at %d", i, all, next)
			}
		}
	})
}
