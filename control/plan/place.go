package plan

import (
	"slices"

	"github.com/streamscope/streamscope/control/job"
)

// place puts a node into a stage, with as few and as shared links as the needs of its ports allow.
func (d *division) place(n *job.Node) {
	switch {
	case n.Source != nil:
		d.stage[n.ID] = d.newStage(bySplits)
	case n.Spec.Need(0).Kind == job.AllInOne:
		d.placeSingle(n)
	case n.Spec.Need(0).Kind == job.ByKey:
		d.placeKeyed(n)
	default:
		d.placeAnywhere(n)
	}
}

// placeSingle gives a sink a stage of its own; another operator may share the single task of its producer.
func (d *division) placeSingle(n *job.Node) {
	d.ports[n.ID] = make([]int, len(n.Inputs))
	in := n.Inputs[0]
	if n.Sink == nil && len(n.Inputs) == 1 && d.spread[in].kind == together {
		d.stage[n.ID], d.ports[n.ID][0] = d.stageOf(in), direct
	} else {
		d.stage[n.ID] = d.newStage(single)
		for port := range n.Inputs {
			d.ports[n.ID][port] = d.link(n, port, d.stage[n.ID], nil)
		}
	}
	d.spread[n.ID] = spread{kind: together}
}

// placeAnywhere leaves the node with its producers if they share a stage but no input of it. Else they meet in a stage that is keyed for
// whoever comes next.
func (d *division) placeAnywhere(n *job.Node) {
	copies := d.copies(n)
	at := d.stageOf(n.Inputs[0])
	ports := slices.Repeat([]int{direct}, len(n.Inputs))
	if slices.ContainsFunc(n.Inputs, func(in int) bool { return d.stageOf(in) != at }) || d.tangled(n, ports) {
		d.meet(n, copies)
		return
	}
	d.stage[n.ID], d.ports[n.ID] = at, ports
	for port, in := range n.Inputs {
		s := d.spread[in].through(copies, port)
		if port > 0 {
			s = s.and(d.spread[n.ID])
		}
		d.spread[n.ID] = s
	}
}

// meet hashes all inputs into one stage, by the keys that the result will be needed by.
func (d *division) meet(n *job.Node, copies []job.Copy) {
	cols := d.wanted(n.ID)
	keys, ok := d.keysOfPorts(n, copies, cols)
	if !ok {
		cols = columns(n.Schema)
		keys, ok = d.keysOfPorts(n, copies, cols)
	}
	if !ok {
		cols = nil
		keys = make([][]string, len(n.Inputs))
	}
	d.linkAll(n, keys)
	if len(cols) > 0 {
		d.spread[n.ID] = spread{kind: hashed}
		for _, c := range cols {
			d.spread[n.ID].cols = append(d.spread[n.ID].cols, []string{c})
		}
	}
}

// keysOfPorts names, for each port, the columns that the given columns of the result are copies of.
func (d *division) keysOfPorts(n *job.Node, copies []job.Copy, cols []string) ([][]string, bool) {
	keys := make([][]string, len(n.Inputs))
	for port := range n.Inputs {
		for _, col := range cols {
			i := slices.IndexFunc(copies, func(c job.Copy) bool { return c.Port == port && c.To == col })
			if i < 0 {
				return nil, false
			}
			keys[port] = append(keys[port], copies[i].From)
		}
	}
	return keys, len(cols) > 0
}

// wanted returns the columns of a node's result by which the first keyed operator after it wants its rows; nil if there is none.
func (d *division) wanted(node int) []string {
	for _, c := range d.nodes[node+1:] {
		for port, in := range c.Inputs {
			if in != node {
				continue
			}
			if need := c.Spec.Need(port); need.Kind == job.ByKey {
				return need.Keys
			} else if need.Kind == job.AllInOne {
				continue
			}
			if cols, ok := d.keysOfPorts(c, d.copies(c), d.wanted(c.ID)); ok {
				return cols[port]
			}
		}
	}
	return nil
}

// placeKeyed joins the stage of the first input that is hashed by some of the keys, brings other such inputs' stages into it, and links the
// rest. Where that would close a cycle, or no input is hashed, all inputs are linked.
func (d *division) placeKeyed(n *job.Node) {
	copies := d.copies(n)
	for port, in := range n.Inputs {
		pos := d.spread[in].positions(n.Spec.Need(port).Keys)
		if pos == nil {
			continue
		}
		if try := d.clone(); try.joinStage(n, in, pos) {
			*d = *try
			d.spread[n.ID] = hashedBy(n.Spec, copies, pos)
			return
		}
	}
	keys := make([][]string, len(n.Inputs))
	for port := range n.Inputs {
		keys[port] = n.Spec.Need(port).Keys
	}
	d.linkAll(n, keys)
	d.spread[n.ID] = hashedBy(n.Spec, copies, everyPosition(len(keys[0])))
}

// joinStage puts the node into the stage of host, whose rows are hashed by the keys at pos. It reports false, leaving the division
// half done, if a port cannot get its rows there.
func (d *division) joinStage(n *job.Node, host int, pos []int) bool {
	ports := make([]int, len(n.Inputs))
	for port, in := range n.Inputs {
		at, from := d.stageOf(host), d.stageOf(in)
		need := n.Spec.Need(port).Keys
		alike := slices.Equal(d.spread[in].positions(need), pos)
		switch {
		case alike && from == at:
			ports[port] = direct
		case alike && !d.reaches(from, at) && !d.reaches(at, from):
			d.merge(at, from)
			ports[port] = direct
		case d.mayLink(in, at):
			ports[port] = d.link(n, port, at, pick(need, pos))
		default:
			return false
		}
		// Known to d at once, since a merge for a later port renumbers links.
		d.ports[n.ID] = ports[:port+1]
	}
	d.stage[n.ID] = d.stageOf(host)
	return !d.tangled(n, ports)
}

// linkAll links all inputs by the keys given per port: to a stage that has one of these links already, else to a new one.
func (d *division) linkAll(n *job.Node, keys [][]string) {
	at := d.sharedStage(n, keys)
	if at < 0 {
		at = d.newStage(byTasks)
	}
	d.stage[n.ID] = at
	d.ports[n.ID] = make([]int, len(n.Inputs))
	for port := range n.Inputs {
		d.ports[n.ID][port] = d.link(n, port, at, keys[port])
	}
}

// sharedStage returns a keyed stage that has one of the links and may have the others, or -1.
func (d *division) sharedStage(n *job.Node, keys [][]string) int {
	for port, in := range n.Inputs {
		for _, l := range d.links {
			at := d.find(l.to)
			if l.from != in || d.shapes[at] != byTasks || !slices.Equal(l.keys, keys[port]) {
				continue
			}
			if !slices.ContainsFunc(n.Inputs, func(in int) bool { return !d.mayLink(in, at) }) {
				return at
			}
		}
	}
	return -1
}

// isolate gives the node a stage of its own and every port a link.
func (d *division) isolate(n *job.Node) {
	switch {
	case n.Source != nil:
		d.stage[n.ID] = d.newStage(bySplits)
		return
	case n.Spec.Need(0).Kind == job.AllInOne:
		d.stage[n.ID] = d.newStage(single)
	default:
		d.stage[n.ID] = d.newStage(byTasks)
	}
	d.ports[n.ID] = make([]int, len(n.Inputs))
	for port, in := range n.Inputs {
		need := n.Spec.Need(port)
		keys := need.Keys
		if need.Kind == job.Anywhere {
			keys = columns(d.nodes[in].Schema)
		}
		d.ports[n.ID][port] = d.link(n, port, d.stage[n.ID], keys)
	}
}
