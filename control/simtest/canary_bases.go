package simtest

import (
	"math/rand/v2"
	"slices"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// Canaries of what counts in a base, and of who may write images.
const (
	M01a Canary = "M01a: M01, with one death of a worker and nothing else"
	M02  Canary = "M02: M01, and images of a life are not fenced from the one before"
	M04  Canary = "M04: acknowledged copies count in bases, and a new manager does not know bases"
	M04r Canary = "M04r: M04, with one death of a worker, one of a manager, and nothing else"
	M04d Canary = "M04d: a new manager does not know bases"
	M05  Canary = "M05: acknowledged copies count in bases, whatever consumers have"
	M05s Canary = "M05s: M05, with deaths far apart and nothing else"
	M06  Canary = "M06: M05, and peers keep hardly any copies"
	M19  Canary = "M19: M05, and a new life has nothing of what peers hold of its former ones"
	R21  Canary = "R21: images of a life are not fenced from the one before"
)

// countsAcks tells whether acknowledged copies are what lets a base advance, in place of consumers.
func (c Canary) countsAcks() bool {
	return slices.Contains([]Canary{M04, M04r, M05, M05s, M06, M19}, c)
}

// forgetsBases tells whether a new manager finds none in the store.
func (c Canary) forgetsBases() bool { return c == M04 || c == M04r || c == M04d }

// ignoresLives tells whether bases do not wait for what lives have executed.
func (c Canary) ignoresLives() bool { return c == M01 || c == M01a || c == M02 }

// unfenced tells whether images of an earlier life come to the disk.
func (c Canary) unfenced() bool { return c == M02 || c == R21 }

// mislead changes what a manager is told of the run.
func (c Canary) mislead(r *control.Recovery) {
	if c.forgetsBases() {
		for i := range r.Stored.Bases {
			clear(r.Stored.Bases[i])
		}
	}
	if c.countsAcks() { // its workers hold images back until copies are there
		for i := range r.Stages {
			r.Stages[i].To = nil
		}
	}
}

// acked tells whether peers have copies of all that a stage of the worker has sent to other nodes.
func (w *worker) acked(stage int) bool {
	if w.copier == nil {
		return false
	}
	for _, l := range w.copier.copies.Lags(nil) {
		if w.sim.cfg.Plan.Edges[l.Edge].From == stage && l.Bytes > 0 {
			return false
		}
	}
	return true
}

// prepare draws what a canary needs: copies of all, a few faults in place of many, or those by which it is caught soon.
func (c Canary) prepare(rng *rand.Rand, p *runtime.Plan, l *Limits, f *Faults) {
	if c.countsAcks() {
		for i := range p.Edges {
			p.Edges[i].Policy = shuffle.Policy{Keep: shuffle.Replicate, Copies: 1}
		}
		l.Nodes = max(l.Nodes, 2)
	}
	if c == M01b { // an instance that may leave nothing out is never replaced for being slow
		for i := range p.Edges {
			p.Edges[i].Policy = shuffle.Policy{Keep: shuffle.Persist}
		}
	}
	if c.provoke(rng, l.Nodes, f) {
		return
	}
	at := 200 + rng.IntN(3000)
	death := Fault{Step: at, Kind: Crash, Node: frame.NodeID(rng.IntN(l.Nodes)), Length: 1}
	switch c {
	case M01a:
		f.Plan = []Fault{death}
	case M04r:
		f.Plan = []Fault{death, {Step: at + rng.IntN(1000), Kind: Manager, Length: 1 + rng.IntN(300)}}
	case M05s:
		f.Plan = nil
		for range 3 {
			f.Plan = append(f.Plan, death)
			death.Step, death.Node = death.Step+2000, frame.NodeID(rng.IntN(l.Nodes))
		}
	case R16b:
		f.JournalBytes = 2 << 10
		return
	default:
		return
	}
	f.Flaky, f.LeaseNs = 0, 0
}
