package control

import (
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
)

func (u UnitName) String() string { return fmt.Sprintf("stage %s on node %d", u.Stage, u.Node) }

// whyLog says what holds frames for a unit.
func (m *Machine) whyLog(consumer Unit) string {
	u := &m.rec.bases.units[consumer.Stage][consumer.Node]
	s := fmt.Sprintf("held for %v, which restarts at tick %d (base; its newest image is %d)", m.name(consumer), u.Base.Base, u.newestSaved())
	if u.Warm > 0 {
		s += fmt.Sprintf(", for which it executes what comes after tick %d again", u.Ask())
	}
	if u.Prev < u.Base.Base {
		s += fmt.Sprintf(", or at tick %d if that image cannot be read", u.Prev)
	}
	return s + ": " + m.whyBase(consumer)
}

// whyBase says why a unit's base is where it is.
func (m *Machine) whyBase(id Unit) string {
	u := &m.rec.bases.units[id.Stage][id.Node]
	w := &m.workers[id.Node]
	if consumer, held := m.heldBy(id); held {
		return fmt.Sprintf("%v has confirmed %d", m.name(consumer), m.rec.bases.units[consumer.Stage][consumer.Node].Base.Base)
	}
	switch {
	case w.down || w.due || w.state < Connected:
		return m.comingBack(id.Node)
	case u.unsaved.Tick > u.newestSaved():
		return fmt.Sprintf("its image after tick %d could not be saved: %s", u.unsaved.Tick, u.unsaved.Reason)
	case u.newestSaved() > u.Base.Base:
		return "its newest image is about to count"
	}
	if t := m.notPersisted(id); t != 0 {
		return fmt.Sprintf("its image after tick %d counts when what it has sent up to there is persisted", t)
	}
	if u.executed == frame.MaxTick {
		return "it has executed everything, and takes no more images"
	}
	if next := m.rec.marks.after(u.Base.Base); next != 0 {
		return fmt.Sprintf("its next image is due after tick %d, it has executed %d", next, u.executed)
	}
	return fmt.Sprintf("its next image is not due yet, it has executed %d", u.executed)
}

// notPersisted is the tick of a unit's newest image if that waits for an edge to be persisted, else 0.
func (m *Machine) notPersisted(id Unit) frame.Tick {
	h := m.workers[id.Node].held
	if h == nil || !slices.ContainsFunc(m.rec.cfg.Stages[id.Stage].Edges, func(e EdgeShape) bool { return e.Policy.Keep == shuffle.Persist }) {
		return 0
	}
	if t := h.images(id.Stage).Last; t > m.rec.bases.units[id.Stage][id.Node].newestSaved() {
		return t
	}
	return 0
}

// heldBy is the consumer that a unit with a newer image waits for.
func (m *Machine) heldBy(id Unit) (consumer Unit, held bool) {
	b := m.rec.bases
	u := &b.units[id.Stage][id.Node]
	if u.newestSaved() <= u.Base.Base {
		return Unit{}, false
	}
	least := frame.MaxTick
	for _, to := range b.stages[id.Stage].To {
		for _, n := range b.stages[to].Nodes {
			if ask := b.units[to][n].Ask(); ask < least {
				least, consumer, held = ask, Unit{to, n}, true
			}
		}
	}
	return consumer, held && u.eligible(least).tick <= u.Base.Base
}

// after is the first mark under way after a tick; 0: none.
func (k *marks) after(t frame.Tick) frame.Tick {
	for _, open := range k.open {
		if open > t {
			return open
		}
	}
	return 0
}

// oldest finds the unit that keeps the oldest base where it is: from who has it, down to the consumer that has no newer image to offer.
func (m *Machine) oldest() OldestBase {
	b := m.rec.bases
	o := OldestBase{Base: frame.MaxTick}
	var id Unit
	for _, s := range b.order { // from the sinks up: the last one that has it is the reason more often than who waits for it
		for _, n := range b.stages[s].Nodes {
			u := &b.units[s][n]
			o.Newest = max(o.Newest, u.newestSaved())
			if u.Base.Base < o.Base {
				o.Base, id = u.Base.Base, Unit{s, n}
			}
		}
	}
	for consumer, held := m.heldBy(id); held; consumer, held = m.heldBy(id) {
		id = consumer
	}
	o.Behind, o.Unit, o.Why = uint64(o.Newest-o.Base), m.name(id), m.whyBase(id)
	return o
}
