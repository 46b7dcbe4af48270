package objective

import (
	"math"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// option is one way to run a job: what Choose compares.
type option struct {
	intervalNs int64
	// replayed are the stages, by index, with the strategy replay.
	replayed []bool
	policies [][]shuffle.Policy // by stage and edge
}

// chooser is a plan with what is known of it.
type chooser struct {
	objective Objective
	stages    []Stage
	nodes     int
	measured  Measured
}

// imageBytes are those of the images of a stage's units, with their state.
func (c *chooser) imageBytes(s int) float64 {
	bytes := c.measured.stage(c.stages[s].Name).ImageBytes
	if bytes == 0 {
		return defaultImageBytes
	}
	return bytes / float64(c.named(c.stages[s].Name))
}

// named is how many stages have a name.
func (c *chooser) named(name string) (n int) {
	for i := range c.stages {
		if c.stages[i].Name == name {
			n++
		}
	}
	return max(n, 1)
}

// readNs is how long the worker with the largest images takes to write, or to read them.
func (c *chooser) readNs(o *option) float64 {
	perNode := map[frame.NodeID]float64{}
	most := 0.0
	for i := range c.stages {
		if o.replayed[i] || len(c.stages[i].Nodes) == 0 {
			continue
		}
		for _, n := range c.stages[i].Nodes {
			perNode[n] += c.imageBytes(i) / float64(len(c.stages[i].Nodes))
			most = max(most, perNode[n])
		}
	}
	return most / or(c.measured.BytesPerS, defaultImagesPerS) * 1e9
}

// warmNs is how long a time a stage that replays executes again in addition. As long as nobody has measured it, its windows are taken
// to reach back for one interval.
func (c *chooser) warmNs(o *option) float64 {
	most := 0.0
	for i := range c.stages {
		if o.replayed[i] {
			most = max(most, or(float64(c.measured.stage(c.stages[i].Name).WarmNs), float64(o.intervalNs)))
		}
	}
	return most
}

func or(v, otherwise float64) float64 {
	if v > 0 {
		return v
	}
	return otherwise
}

// again is how long it takes to execute again what came within one second, in seconds.
func (c *chooser) again() float64 { return or(c.measured.Again, defaultAgain) }

// links calls do for every edge that leads to other nodes.
func (c *chooser) links(o *option, do func(from, to string, p shuffle.Policy, m EdgeMeasured)) {
	for i := range c.stages {
		for j, e := range c.stages[i].Edges {
			if e.Links {
				do(c.stages[i].Name, e.To, o.policies[i][j], c.measured.edge(c.stages[i].Name, e.To))
			}
		}
	}
}

// estimate says what is to be expected of an option.
func (c *chooser) estimate(o *option) (e Estimate) {
	read := c.readNs(o)
	start := c.startNs()
	lost := float64(o.intervalNs) + read // an image counts when it is written: until then the one before does
	replay := c.again() * (lost + c.warmNs(o))
	edges, copied, dropped := 0, 0, false
	held := 2 * lost / 1e9 // base, and the one before it
	c.links(o, func(from, to string, p shuffle.Policy, m EdgeMeasured) {
		perS := or(m.BytesPerS, defaultEdgeBytesPerS) / float64(c.namedEdges(from, to))
		edges++
		switch {
		case p.Keep == shuffle.Recompute && m.Spilled:
			dropped = true
			return
		case p.Keep == shuffle.Replicate:
			copied++
			e.CopyBytesPerS += perS * float64(p.Copies)
		}
		if m.Spilled {
			e.SpillBytesPerS += perS
			e.DiskBytes += perS * held
		}
	})
	gap, pair := start+read+replay, start+read+replay
	if edges > 0 && (copied < edges || c.nodes < copiesNeed) {
		pair += c.again() * lost // the consumer goes on as the producer makes again what it asks for
	}
	if dropped { // each on the way starts again, in the worst case
		gap, pair = gap*float64(len(c.stages)), pair*float64(len(c.stages))
	}
	for i := range c.stages {
		if !o.replayed[i] || c.measured.stage(c.stages[i].Name).WarmNs == 0 { // what replay saves counts once it is known what it takes
			e.ImageBytesPerS += c.imageBytes(i) / (float64(o.intervalNs) / 1e9)
			e.DiskBytes += 2 * c.imageBytes(i)
		}
	}
	e.StartNs, e.ReadNs, e.ReplayNs, e.GapNs, e.PairNs = ns(start), ns(read), ns(replay), ns(gap), ns(pair)
	return e
}

// startNs is how long a life takes to start, without reading images: what was measured has it.
func (c *chooser) startNs() float64 {
	if c.measured.StartNs == 0 {
		return defaultStartNs
	}
	all := option{replayed: make([]bool, len(c.stages))}
	for i := range c.stages {
		s, _ := c.objective.strategy(c.stages[i].Name)
		all.replayed[i] = s == runtime.Replay
	}
	return max(float64(c.measured.StartNs)-c.readNs(&all), startLeastNs)
}

// startLeastNs is what is left of a start at least when the time to read images is taken from it: two measurements may disagree.
const startLeastNs = 20e6

// namedEdges is how many edges have the two names.
func (c *chooser) namedEdges(from, to string) (n int) {
	for i := range c.stages {
		for _, e := range c.stages[i].Edges {
			if c.stages[i].Name == from && e.To == to && e.Links {
				n++
			}
		}
	}
	return n
}

func ns(v float64) int64 {
	if v >= math.MaxInt64/2 {
		return math.MaxInt64 / 2
	}
	return int64(v)
}
