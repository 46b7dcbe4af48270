package simtest

import (
	"slices"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/journal"
	"github.com/streamscope/streamscope/ringlog/replica"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// Canaries of admission, journals, logs and receivers.
const (
	A5   Canary = "A5: logs are bounded: nothing is spilled"
	M18  Canary = "M18: what is executed again, and was closed, is not kept"
	MR1  Canary = "MR1: rows of ticks that their source task has closed are taken again"
	MR2  Canary = "MR2: closes are counted, also those that come again"
	R12  Canary = "R12: what is drained is no part of an attach"
	R13  Canary = "R13: what a journal has is cut again as admission allows"
	R16b Canary = "R16b: a journal without room holds its source before marks, too"
	R17  Canary = "R17: a source whose journal is lost with all its peers goes on without it"
	R24a Canary = "R24a: an image at peers counts before all of them have it"
)

// Receive leaves out of an attach what is drained (R12).
func (r *rotting) Receive(m wire.Message) error {
	if r.w.sim.cfg.Broken != R12 || m.Type != wire.TypeAttach {
		return r.Outgoing.Receive(m)
	}
	var grants []wire.Grant
	for i := range m.Len() {
		g := m.Grant(i)
		g.Drained = 0
		grants = append(grants, g)
	}
	m, err := wire.Decode(wire.AppendAttach(nil, grants))
	if err != nil {
		return err
	}
	return r.Outgoing.Receive(m)
}

// waits tells whether a source waits that should not (R13, R16b).
func (w *worker) waits(stage int) bool {
	if w.sim.cfg.Plan.Stages[stage].Source == nil || w.w == nil {
		return false
	}
	switch w.sim.cfg.Broken {
	case R16b:
		j := w.journals[stage]
		return j != nil && !j.Room()
	case R13:
		next, drained := w.w.Progress().Executed[stage]+1, frame.MaxTick
		for i := range w.sim.cfg.Plan.Edges {
			if e := &w.sim.cfg.Plan.Edges[i]; e.From == stage {
				drained = min(drained, w.w.Exchange().Drained(e.ID))
			}
		}
		return next <= w.replayed[stage] && next > drained+1 && int(next-drained) > w.sim.cfg.Limits.Admission.Ticks
	}
	return false
}

// noting notes up to where journals go when they are opened (R13).
func (w *worker) noting(open func(int, func()) (runtime.Journal, []journal.Record, error)) func(int, func()) (runtime.Journal, []journal.Record, error) {
	w.replayed = map[int]frame.Tick{}
	return func(stage int, changed func()) (runtime.Journal, []journal.Record, error) {
		j, records, err := open(stage, changed)
		for _, r := range records {
			w.replayed[stage] = max(w.replayed[stage], r.Last)
		}
		return j, records, err
	}
}

// withoutLost is a set of which nobody is left, without its members (R17).
func withoutLost(s replica.Set, living []replica.Member) replica.Set {
	if !slices.ContainsFunc(s.Members, func(m replica.Member) bool { return slices.Contains(living, m) }) {
		s.Members = nil
	}
	return s
}

// flaw is what is broken inside an exchange.
func (c Canary) flaw() shuffle.Flaw {
	switch c {
	case MR1:
		return shuffle.NotFinal
	case MR2:
		return shuffle.Counted
	case M18:
		return shuffle.Unlogged
	case LaneGap:
		return shuffle.Gapped
	}
	return shuffle.NoFlaw
}

// aboutManagers tells whether the rule only matters where managers follow each other.
func (c Canary) aboutManagers() bool {
	return slices.Contains([]Canary{M04, M04d, R35, R37, Unfenced}, c)
}
