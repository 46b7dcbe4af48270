package netio

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// search visits every state that can be reached and returns how many, and the steps to one in which nothing can happen though not
// everything is executed, if there is one.
func search(r *rules) (states int, deadlock []string) {
	type node struct {
		w      *world
		parent int
		step   string
	}
	nodes := []node{{w: newWorld(r), parent: -1}}
	seen := map[string]bool{nodes[0].w.key(): true}
	for at := 0; at < len(nodes); at++ {
		w := nodes[at].w
		steps := w.steps()
		if len(steps) == 0 && w.done < modelTicks {
			for i := at; i > 0; i = nodes[i].parent {
				deadlock = append(deadlock, nodes[i].step)
			}
			slices.Reverse(deadlock)
			return len(nodes), deadlock
		}
		for _, name := range slices.Sorted(maps.Keys(steps)) {
			next := w.clone()
			steps[name](next)
			if k := next.key(); !seen[k] {
				seen[k] = true
				nodes = append(nodes, node{next, at, name})
			}
		}
		nodes[at].w = nil
	}
	return len(nodes), nil
}

func TestModelHasNoDeadlock(t *testing.T) {
	one := [2]int{1, 1}
	for name, r := range map[string]rules{
		"one edge":                 {edges: 1, frames: one},
		"two edges":                {edges: 2, frames: one},
		"a source that ends early": {edges: 1, frames: [2]int{1, 2}, early: true},
		"a cut at any step":        {edges: 1, frames: one, early: true, cut: true},
	} {
		states, deadlock := search(&r)
		t.Logf("%s: %d states", name, states)
		if deadlock != nil {
			t.Errorf("%s: deadlock after\n%s", name, strings.Join(deadlock, "\n"))
		}
		if states < 1000 {
			t.Errorf("%s: %d states: the model does not move", name, states)
		}
	}
}

// Numbered as in PROTOCOL §3; B1 is the rule of Ref.Tick.
func TestModelCanaries(t *testing.T) {
	one := [2]int{1, 1}
	for name, r := range map[string]rules{
		"A1 shared flight without I16":     {edges: 1, frames: one, noI16: true},
		"A2 task budget without I17":       {edges: 1, frames: one, noOpen: true},
		"A3 node pair budget without I17":  {edges: 2, frames: one, oneWindow: true},
		"A4 strict log order":              {edges: 1, frames: one, strictOrder: true},
		"B1 CLOSE waits for its last tick": {edges: 1, frames: [2]int{1, 2}, early: true, closeByLast: true},
	} {
		states, deadlock := search(&r)
		t.Logf("%s: %d states, %d steps: %s", name, states, len(deadlock), strings.Join(deadlock, "; "))
		if deadlock == nil {
			t.Errorf("%s: no deadlock in %d states: the search is not looking", name, states)
		}
	}
}
