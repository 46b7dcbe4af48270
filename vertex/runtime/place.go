package runtime

import (
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
)

// cluster says where tasks are: nearly equal parts, by node and by core. But of a stage with fewer tasks than a node has cores, those of a
// sink lie on its last cores: the first ones have the sources.
func (c *Config) cluster() shuffle.Cluster {
	return shuffle.Cluster{Nodes: c.Nodes, Cores: c.Cores, Placed: c.Plan.placed(c.Nodes), OnCore: func(r shuffle.TaskRange, core frame.CoreID) shuffle.TaskRange {
		if spare := c.Cores - r.Count; spare > 0 && c.Plan.sinks(r) {
			if int(core) < spare {
				return shuffle.TaskRange{First: r.First}
			}
			return shuffle.TaskRange{First: r.First + frame.TaskID(int(core)-spare), Count: 1}
		}
		return r.Part(int(core), c.Cores)
	}}
}

// sinks reports whether tasks are those of a stage with a sink and without a source.
func (p *Plan) sinks(r shuffle.TaskRange) bool {
	st := p.stageOf(r)
	return st != nil && st.Sink != nil && st.Source == nil
}
