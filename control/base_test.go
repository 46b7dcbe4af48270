package control

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// drawShapes draws a graph without circles over some nodes. Stages are listed in any order.
func drawShapes(t *rapid.T, nodes int) []StageShape {
	n := rapid.IntRange(1, 5).Draw(t, "stages")
	at := rapid.Permutation(seq(n)).Draw(t, "order")
	shapes := make([]StageShape, n)
	for i := range n {
		s := &shapes[at[i]]
		for node := range nodes {
			if node == i%nodes || rapid.Bool().Draw(t, "on") {
				s.Nodes = append(s.Nodes, nodeID(node))
			}
		}
		for j := i + 1; j < n; j++ {
			if rapid.Bool().Draw(t, "edge") {
				s.To = append(s.To, StageID(at[j]))
			}
		}
	}
	return shapes
}

func seq(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

// naive is what T11 says of one unit, word for word: the greatest snapshot tick that its instance has executed and that no unit downstream
// of it lacks.
func naive(b *bases, s StageID, u *unitState, at func(StageID, frame.NodeID) Base) frame.Tick {
	best := u.Base.Base
	for _, saved := range u.saved {
		t := saved.tick
		ok := t <= u.executed
		for _, to := range b.stages[s].To {
			for _, n := range b.stages[to].Nodes {
				ok = ok && t <= at(to, n).Ask()
			}
		}
		if ok && t > best {
			best = t
		}
	}
	return best
}

// TestBasesAgainstNaive plays reports, commits, restarts and fallings back on random graphs.
func TestBasesAgainstNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := rapid.IntRange(1, 3).Draw(t, "nodes")
		b, err := newBases(drawShapes(t, nodes), nodes, nil)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			node := nodeID(rapid.IntRange(0, nodes-1).Draw(t, "node"))
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				b.register(node)
			case 1:
				fallBackChecked(t, b, node)
			case 2, 3, 4:
				advanceChecked(t, b)
			default:
				reportChecked(t, b, node)
			}
			if err := b.valid(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func reportChecked(t *rapid.T, b *bases, node frame.NodeID) {
	r := Reported{Executed: make([]frame.Tick, len(b.stages))}
	for s := range b.stages {
		r.Executed[s] = frame.Tick(rapid.IntRange(0, 40).Draw(t, "executed"))
		if rapid.Bool().Draw(t, "saves") {
			saved := Saved{StageID(s), frame.Tick(rapid.IntRange(0, 40).Draw(t, "saved"))}
			if low := frame.Tick(rapid.IntRange(0, 40).Draw(t, "low")); low < saved.Tick && s%2 == 1 {
				r.Hollow = append(r.Hollow, Hollow{saved, low})
			} else {
				r.Saved = append(r.Saved, saved)
			}
		}
	}
	want := false
	b.on(node, func(s StageID, u *unitState) { want = want || r.Executed[s] > u.best })
	if further := b.report(node, &r); further != want {
		t.Fatalf("further %t, want %t", further, want)
	}
	before := fmt.Sprintf("%+v", b.units)
	if again := b.report(node, &r); again || fmt.Sprintf("%+v", b.units) != before {
		t.Fatal("a report that is repeated changes something")
	}
}

func advanceChecked(t *rapid.T, b *bases) {
	changes := b.advance(nil)
	d := draft{}
	for _, c := range changes {
		if was := b.units[c.Stage][c.Node].Base; c.Base.Base <= was.Base || c.Prev < was.Prev {
			t.Fatalf("%v went from %+v to %+v", c.Unit, was, c.Base)
		}
		d[c.Unit] = c.Base
	}
	for s := range b.stages {
		for _, n := range b.stages[s].Nodes {
			if want, got := naive(b, StageID(s), &b.units[s][n], b.at(d)), b.at(d)(StageID(s), n).Base; got != want {
				t.Fatalf("stage %d on node %d advances to %d, want %d", s, n, got, want)
			}
		}
	}
	b.commit(changes)
	if again := b.advance(nil); len(again) > 0 {
		t.Fatalf("%+v is left to do", again)
	}
}

func fallBackChecked(t *rapid.T, b *bases, node frame.NodeID) {
	var units []Unit
	b.on(node, func(s StageID, _ *unitState) { units = append(units, Unit{s, node}) })
	if len(units) == 0 {
		return
	}
	u := rapid.SampledFrom(units).Draw(t, "unreadable")
	was := b.units[u.Stage][u.Node].Base
	changes, lost := b.fallBack([]Unit{u})
	if (len(lost) > 0) != (was.Prev == was.Base) {
		t.Fatalf("%+v: changes %+v, lost %+v", was, changes, lost)
	}
	for _, c := range changes {
		if was := b.units[c.Stage][c.Node].Base; c.Base != was.before() {
			t.Fatalf("%v went from %+v to %+v", c.Unit, was, c.Base)
		}
	}
	b.commit(changes)
	b.register(node)
	for range len(b.stages) * 3 {
		for _, n := range b.behind() {
			b.register(n)
		}
	}
	if left := b.behind(); len(left) > 0 {
		t.Fatalf("nodes %d are behind for ever", left)
	}
}

// TestManySaved keeps a bounded number of images in mind, the oldest and the newest among them.
func TestManySaved(t *testing.T) {
	var u unitState
	for i := range frame.Tick(10 * savedMax) {
		u.addSaved(i+1, i+1)
		u.addSaved(i+1, i+1)
	}
	if len(u.saved) != savedMax || u.saved[0].tick != 1 || u.newestSaved() != 10*savedMax {
		t.Errorf("kept %d: %v", len(u.saved), u.saved)
	}
	u.addSaved(frame.MaxTick, frame.MaxTick)
	if u.newestSaved() == frame.MaxTick {
		t.Error("the end of ticks is no image")
	}
}
