package control

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// bases is what is known of all units: their committed bases, and what their registered incarnations have reported. The rules are those
// of PROTOCOL with "unit" for "task": T1, T10, T11, T12, and decision 11 (trims lag one generation).
//
// Invariants, for every edge from p to c, of committed values:
//
//   - Base of p <= Ask of c (I9), so that whoever restarts finds what it asks for, or finds a producer that makes it again.
//   - Prev of p <= PrevAsk of c: the same, if c has to go back to its generation before.
//
// Base is never computed from less than a report of the registered incarnation (I8).
type bases struct {
	stages []StageShape
	// order lists stages so that those that an edge leads to come before those it comes from.
	order []StageID
	units [][]unitState
}

// unitState is one unit; the zero value stands for a node without tasks of the stage.
type unitState struct {
	exists bool
	Base
	// restored is the tick at which the registered incarnation began: its log holds nothing up to there. asked is the Ask of it.
	restored, asked frame.Tick
	// executed and saved are what the registered incarnation has reported; saved is rising, above Ask.
	executed frame.Tick
	saved    []savedImage
	unsaved  Unsaved
	// best is the greatest executed of all incarnations.
	best frame.Tick
}

// savedImage is an image that is there. Its state follows from what any image up to low has, and the inputs since; low is its own tick if it
// has its state.
type savedImage struct{ tick, low frame.Tick }

// savedMax bounds what is remembered of a unit's images. With more of them above Ask, some tell as much as all.
const savedMax = 64

// newBases takes stored bases as they are; validate them first. Every unit has to be registered.
func newBases(stages []StageShape, nodes int, stored [][]Base) (*bases, error) {
	b := &bases{stages: stages, units: make([][]unitState, len(stages))}
	for i := range stages {
		b.units[i] = make([]unitState, nodes)
		for _, n := range stages[i].Nodes {
			b.units[i][n].exists = true
			if stored != nil {
				b.units[i][n].Base = stored[i][n]
			}
		}
	}
	return b, b.sort()
}

// sort finds the order: it repeatedly takes the stages whose consumers have all been taken.
func (b *bases) sort() error {
	taken := make([]bool, len(b.stages))
	for len(b.order) < len(b.stages) {
		before := len(b.order)
		for i := range b.stages {
			waits := slices.ContainsFunc(b.stages[i].To, func(to StageID) bool { return !taken[to] })
			if !taken[i] && !waits {
				taken[i] = true
				b.order = append(b.order, StageID(i))
			}
		}
		if len(b.order) == before {
			return fmt.Errorf("the edges between %d of %d stages lead in a circle", len(b.stages)-before, len(b.stages))
		}
	}
	return nil
}

// on visits the units of a node.
func (b *bases) on(node frame.NodeID, visit func(StageID, *unitState)) {
	for i := range b.units {
		if u := &b.units[i][node]; u.exists {
			visit(StageID(i), u)
		}
	}
}

// register begins a new incarnation of a node: it restores at the bases, and what the one before had said means nothing any more.
func (b *bases) register(node frame.NodeID) {
	b.on(node, func(_ StageID, u *unitState) {
		u.restored, u.asked, u.executed = u.Base.Base, u.Ask(), u.Base.Base
		u.saved, u.unsaved = nil, Unsaved{}
	})
}

// report takes what a registered incarnation says, and tells whether any unit has got further than ever. The report must be of the right
// shape.
func (b *bases) report(node frame.NodeID, r *Reported) (further bool) {
	b.on(node, func(s StageID, u *unitState) {
		u.executed = max(u.executed, r.Executed[s])
		further = further || u.executed > u.best
		u.best = max(u.best, u.executed)
	})
	for _, s := range r.Saved {
		if u := &b.units[s.Stage][node]; u.exists {
			u.addSaved(s.Tick, s.Tick)
		}
	}
	for _, s := range r.Hollow {
		if u := &b.units[s.Stage][node]; u.exists {
			u.addSaved(s.Tick, min(s.Low, s.Tick))
		}
	}
	for _, s := range r.Unsaved {
		if u := &b.units[s.Stage][node]; u.exists && s.Tick > u.unsaved.Tick {
			u.unsaved = s
		}
	}
	return further
}

// reached is what all units of a node have executed.
func (b *bases) reached(node frame.NodeID) frame.Tick {
	t := frame.MaxTick
	b.on(node, func(_ StageID, u *unitState) { t = min(t, u.executed) })
	return t
}

func (u *unitState) addSaved(t, low frame.Tick) {
	i, found := slices.BinarySearchFunc(u.saved, t, func(s savedImage, t frame.Tick) int { return cmp.Compare(s.tick, t) })
	if found || t <= u.Ask() || t == frame.MaxTick {
		return
	}
	u.saved = slices.Insert(u.saved, i, savedImage{t, low})
	if n := len(u.saved); n > savedMax {
		least := 1 // the one whose neighbours are closest
		for i := 2; i < n-1; i++ {
			if u.saved[i+1].tick-u.saved[i-1].tick < u.saved[least+1].tick-u.saved[least-1].tick {
				least = i
			}
		}
		u.saved = slices.Delete(u.saved, least, least+1)
	}
}

// newestSaved is the newest image of the unit that is known.
func (u *unitState) newestSaved() frame.Tick {
	if n := len(u.saved); n > 0 {
		return max(u.saved[n-1].tick, u.Base.Base)
	}
	return u.Base.Base
}

// need is the least tick after which one of the units that a stage's output goes to asks when it restarts, and the least of their generations
// before. Who has no consumer but
// the world outside is held by nobody: an image of it implies that the world has its output.
func (b *bases) need(s StageID, at func(StageID, frame.NodeID) Base) Base {
	least := Base{Base: math.MaxUint64, Prev: math.MaxUint64}
	for _, to := range b.stages[s].To {
		for _, n := range b.stages[to].Nodes {
			c := at(to, n)
			least.Base, least.Prev = min(least.Base, c.Ask()), min(least.Prev, c.PrevAsk())
		}
	}
	return least
}

// draft is a change of bases that is not committed yet.
type draft map[Unit]Base

func (b *bases) at(d draft) func(StageID, frame.NodeID) Base {
	return func(s StageID, n frame.NodeID) Base {
		if changed, ok := d[Unit{s, n}]; ok {
			return changed
		}
		return b.units[s][n].Base
	}
}

// list orders a draft, so that equal drafts give equal transactions.
func (d draft) list() []UnitBase {
	var all []UnitBase
	for u, base := range d {
		all = append(all, UnitBase{u, base})
	}
	slices.SortFunc(all, func(x, y UnitBase) int {
		if x.Stage != y.Stage {
			return int(x.Stage) - int(y.Stage)
		}
		return int(x.Node) - int(y.Node)
	})
	return all
}

// advance computes which units may have a greater base (T11), from the sinks up: t is a snapshot of the registered incarnation, it has
// executed t, and no unit downstream asks for t when it restarts. Those of fresh nodes, which are to restart, catch up with their other instances on the
// way, so that they do not hold what feeds them.
func (b *bases) advance(fresh []frame.NodeID) []UnitBase {
	d := draft{}
	for i, s := range b.order {
		need := b.need(s, b.at(d))
		for _, n := range b.stages[s].Nodes {
			u := &b.units[s][n]
			if t := u.eligible(need.Base); t.tick > u.Base.Base {
				d[Unit{s, n}] = u.after(t, need.Prev)
			}
		}
		if twin, twice := b.twin(s); twice && slices.Contains(b.order[:i], twin) {
			b.catchUp(d, s, fresh)
			b.catchUp(d, twin, fresh)
		}
	}
	return d.list()
}

// eligible is the greatest tick that base may advance to, if that is one.
func (u *unitState) eligible(need frame.Tick) savedImage {
	return u.savedUpTo(min(need, u.executed))
}

// savedUpTo is the newest image up to a tick.
func (u *unitState) savedUpTo(limit frame.Tick) savedImage {
	for _, s := range slices.Backward(u.saved) {
		if s.tick <= limit {
			return s
		}
	}
	return savedImage{}
}

// after is the unit's base once it is at t. The base before becomes Prev unless a consumer may have to go back further than that: then
// Prev stays, and the generation between the two is no place to restart at.
func (u *unitState) after(s savedImage, needPrev frame.Tick) Base {
	ask := max(u.Ask(), u.savedUpTo(s.low).tick) // the state at Base follows from the image at Ask, and so does all later state
	next := Base{Base: s.tick, Warm: s.tick - ask, Prev: u.Prev, PrevWarm: u.PrevWarm}
	if u.Base.Base <= needPrev {
		next.Prev, next.PrevWarm = u.Base.Base, u.Warm
	}
	return next
}

// fallBack computes what changes if units go back to their generation before, because their image at base cannot be read. Whatever
// feeds them, and would restart behind what they will ask for, goes back as well; its own Prev is never above theirs. Units without
// another generation are returned as lost.
func (b *bases) fallBack(unreadable []Unit) (changes []UnitBase, lost []Unit) {
	d := draft{}
	for _, u := range unreadable {
		base := b.units[u.Stage][u.Node].Base
		if base.Prev == base.Base {
			lost = append(lost, u)
			continue
		}
		d[u] = base.before()
	}
	for _, s := range b.order {
		need := b.need(s, b.at(d))
		for _, n := range b.stages[s].Nodes {
			if base := b.at(d)(s, n); base.Base > need.Base {
				d[Unit{s, n}] = base.before()
			}
		}
	}
	return d.list(), lost
}

// before is the base of a unit that goes back to its generation before.
func (b Base) before() Base { return Base{b.Prev, b.Prev, b.PrevWarm, b.PrevWarm} }

// commit makes changes count.
func (b *bases) commit(changes []UnitBase) {
	for _, c := range changes {
		u := &b.units[c.Stage][c.Node]
		u.Base = c.Base
		u.saved = slices.DeleteFunc(u.saved, func(s savedImage) bool { return s.tick <= c.Ask() })
	}
}

// behind lists the nodes with a unit whose log begins after what a consumer will ask for when it restarts. That comes of falling back
// alone; such a node has to restart, too.
func (b *bases) behind() []frame.NodeID {
	var nodes []frame.NodeID
	for _, s := range b.order {
		need := b.need(s, b.at(nil))
		for _, n := range b.stages[s].Nodes {
			if b.units[s][n].restored > need.Base && !slices.Contains(nodes, n) {
				nodes = append(nodes, n)
			}
		}
	}
	return nodes
}

// needs are what may be trimmed.
func (b *bases) needs() Needs {
	needs := make(Needs, len(b.units))
	for s := range b.units {
		needs[s] = make([]frame.Tick, len(b.units[s]))
		for n := range b.units[s] {
			needs[s][n] = frame.MaxTick
			u := &b.units[s][n]
			if !u.exists {
				continue
			}
			needs[s][n] = u.PrevAsk()
			if other := b.other(StageID(s), frame.NodeID(n)); other != nil {
				needs[s][n] = min(needs[s][n], other.PrevAsk()) // its images serve both
			}
		}
	}
	return needs
}

// restore is by stage the image that the registered incarnation of a node goes on from, and up to where it emits nothing; quiet is nil
// if it emits everything.
func (b *bases) restore(node frame.NodeID) (images, quiet []frame.Tick) {
	images = make([]frame.Tick, len(b.units))
	for s := range b.units {
		u := &b.units[s][node]
		images[s] = u.asked
		if u.asked < u.restored && quiet == nil {
			quiet = make([]frame.Tick, len(b.units))
		}
		if u.asked < u.restored {
			quiet[s] = u.restored
		}
	}
	return images, quiet
}
