package plan

import (
	"slices"

	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// division is the assignment of nodes to stages while it is made, node by node in topological order.
//
// Invariant: the links between stages have no cycle.
type division struct {
	nodes  []*job.Node
	parent []int    // union-find over stages; a root is a stage
	shapes []shape  // by stage
	stage  []int    // by node: any member of its stage's set
	spread []spread // by node: of its output
	links  []link   // the edges, each once
	ports  [][]int  // by node and port: index into links, or direct
}

// shape tells how many tasks a stage has.
type shape uint8

const (
	bySplits shape = iota
	byTasks
	single
)

// direct in division.ports says that the port reads its producer in the same task.
const direct = -1

// link is an edge: the output of a node, hashed by columns, to a stage. No columns: to its first task.
type link struct {
	from int // node
	to   int // stage; follow with find
	keys []string
	// copy tells links apart that are otherwise equal: a node that minds the order reads the same rows on each of its ports by a link of
	// its own.
	copy int
}

func (d *division) same(a, b link) bool {
	return a.from == b.from && d.find(a.to) == d.find(b.to) && slices.Equal(a.keys, b.keys) && a.copy == b.copy
}

func newDivision(nodes []*job.Node) *division {
	return &division{nodes: nodes, stage: make([]int, len(nodes)), spread: make([]spread, len(nodes)), ports: make([][]int, len(nodes))}
}

// clone returns a copy to try something on.
func (d *division) clone() *division {
	c := *d
	c.parent, c.shapes, c.stage = slices.Clone(d.parent), slices.Clone(d.shapes), slices.Clone(d.stage)
	c.spread, c.links, c.ports = slices.Clone(d.spread), slices.Clone(d.links), slices.Clone(d.ports)
	for i := range c.ports {
		c.ports[i] = slices.Clone(c.ports[i])
	}
	return &c
}

func (d *division) newStage(s shape) int {
	d.parent = append(d.parent, len(d.parent))
	d.shapes = append(d.shapes, s)
	return len(d.parent) - 1
}

func (d *division) find(stage int) int {
	for d.parent[stage] != stage {
		stage = d.parent[stage]
	}
	return stage
}

func (d *division) stageOf(node int) int { return d.find(d.stage[node]) }

// reaches reports whether rows of stage a come to stage b over one link or more.
func (d *division) reaches(a, b int) bool {
	seen := make([]bool, len(d.parent))
	frontier := []int{a}
	for len(frontier) > 0 {
		at := frontier[len(frontier)-1]
		frontier = frontier[:len(frontier)-1]
		for _, l := range d.links {
			to := d.find(l.to)
			if d.stageOf(l.from) != at || seen[to] {
				continue
			}
			if to == b {
				return true
			}
			seen[to] = true
			frontier = append(frontier, to)
		}
	}
	return false
}

// mayLink reports whether a link from the node to the stage closes no cycle.
func (d *division) mayLink(from, to int) bool {
	at := d.stageOf(from)
	return at != to && !d.reaches(to, at)
}

// link returns the link that brings a port's rows to a stage, adding it if it is new. The node's earlier ports have theirs.
func (d *division) link(n *job.Node, port, to int, keys []string) int {
	l := link{from: n.Inputs[port], to: to, keys: keys}
	for {
		i := slices.IndexFunc(d.links, func(k link) bool { return d.same(k, l) })
		switch {
		case i < 0:
			d.links = append(d.links, l)
			return len(d.links) - 1
		case n.Spec.Unordered(port) || !slices.Contains(d.ports[n.ID][:port], i):
			return i
		}
		l.copy++
	}
}

// merge makes one stage of two and drops links that became equal. The caller knows that neither reaches the other.
func (d *division) merge(a, b int) {
	d.parent[b] = a
	var kept []link
	renumber := make([]int, len(d.links))
	for i, l := range d.links {
		same := slices.IndexFunc(kept, func(k link) bool { return d.same(k, l) })
		if same < 0 {
			same = len(kept)
			kept = append(kept, l)
		}
		renumber[i] = same
	}
	d.links = kept
	for _, ports := range d.ports {
		for p, l := range ports {
			if l != direct {
				ports[p] = renumber[l]
			}
		}
	}
}

func (d *division) copies(n *job.Node) []job.Copy {
	return n.Spec.Copies(d.inputSchemas(n))
}

func (d *division) inputSchemas(n *job.Node) []*batch.Schema {
	in := make([]*batch.Schema, len(n.Inputs))
	for port, id := range n.Inputs {
		in[port] = d.nodes[id].Schema
	}
	return in
}

// tangled reports whether two ports of the node hang on one origin, and the node minds: how their rows interleave then depends on how
// the input is cut into batches. (What operators emit at a tick's close comes operator by operator.)
func (d *division) tangled(n *job.Node, ports []int) bool {
	seen := map[origin]bool{}
	for port := range ports {
		if n.Spec.Unordered(port) {
			continue
		}
		mine := map[origin]bool{}
		d.origins(n, port, ports[port], mine)
		for o := range mine {
			if seen[o] {
				return true
			}
			seen[o] = true
		}
	}
	return false
}

// origin is where rows begin to flow inside a stage: a link, the source (link direct), or an operator that emits at a tick's close.
type origin struct{ link, closes int }

// origins collects the origins of the rows of a port.
func (d *division) origins(n *job.Node, port, at int, into map[origin]bool) {
	if at != direct {
		into[origin{link: at}] = true
		return
	}
	in := d.nodes[n.Inputs[port]]
	switch {
	case in.Source != nil:
		into[origin{link: direct}] = true
	case in.Spec.Unordered(0):
		into[origin{direct, in.ID}] = true
		return
	}
	for p, l := range d.ports[in.ID] {
		d.origins(in, p, l, into)
	}
}
