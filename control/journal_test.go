package control

import (
	"strings"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

func journalSet(version uint64, life frame.Incarnation, members ...JournalMember) JournalSet {
	return JournalSet{Version: version, Life: life, Members: members}
}

// An active set changes by compare-and-swap, is committed before its owner hears of it, and is what the next life is started with.
func TestActivate(t *testing.T) {
	for _, images := range []bool{false, true} {
		t.Run(map[bool]string{false: "journal", true: "images"}[images], func(t *testing.T) { activate(t, images) })
	}
}

func activate(t *testing.T, images bool) {
	d := running(t, 3)
	stored := func() JournalSet {
		if other := d.rec.set(kept{Unit{0, 1}, !images}); other.Version != 0 {
			t.Fatalf("the other set is %v", other)
		}
		return d.rec.set(kept{Unit{0, 1}, images})
	}
	u := Unit{0, 1}
	first := journalSet(1, 1, JournalMember{0, 1})
	d.hold = true
	d.step(Activate{d.from(1), 0, images, first})
	if d.last["control.Activated"] != nil {
		t.Fatal("told before it was committed")
	}
	d.hold = false
	d.persist()
	if a := d.last["control.Activated"].(Activated); a.Node != 1 || a.Images != images || !a.Set.Equal(first) || !stored().Equal(first) {
		t.Fatalf("told %+v, stored %+v", a, stored())
	}

	d.step(Activate{d.from(1), 0, images, journalSet(1, 1, JournalMember{2, 1})}) // somebody was quicker
	if a := d.last["control.Activated"].(Activated); !a.Set.Equal(first) {
		t.Errorf("told %+v", a)
	}

	old := d.from(1)
	d.lose(1)
	as := d.last["control.Start"].(Start).Assignment
	if sets := map[bool][]UnitJournal{false: as.Journals, true: as.Images}[images]; len(sets) != 1 || sets[0].Unit != u || !sets[0].Set.Equal(first) {
		t.Errorf("started with %+v", sets)
	}
	d.step(Activate{old, 0, images, journalSet(2, 1, JournalMember{2, 1})}) // a zombie
	if !stored().Equal(first) {
		t.Errorf("a former life activated %+v", stored())
	}
	second := journalSet(2, 2, JournalMember{2, 1})
	d.step(Activate{d.from(1), 0, images, second})
	if !stored().Equal(second) {
		t.Errorf("stored %+v", stored())
	}
}

// What was given up leaves all units at one tick, and a set without members, which the next life is started with.
func TestGiveUpJournals(t *testing.T) {
	stages := recoveryConfig(2).Recovery.Stages
	s := Stored{Epoch: 7, Bases: [][]Base{{{Base: 5, Prev: 3}, {Base: 5, Prev: 3}}, {{}, {Base: 8, Prev: 5}}}, Journals: map[Unit]JournalSet{{0, 0}: journalSet(4, 2, JournalMember{1, 1})}}
	txn, to, err := s.GiveUpJournals(stages)
	if err != nil || to != 5 || txn.Epoch != 7 {
		t.Fatalf("to %d, %+v, %v", to, txn, err)
	}
	s.Apply(txn)
	if set := s.Journals[Unit{0, 0}]; set.Version != 5 || len(set.Members) > 0 || set.Valid(0, 2) != nil {
		t.Errorf("set %+v", set)
	}
	if s.Bases[1][1] != (Base{Base: 5, Prev: 5}) || s.Bases[0][0] != (Base{Base: 5, Prev: 3}) {
		t.Errorf("bases %+v", s.Bases)
	}
	if txn, _, err := s.GiveUpJournals(stages); err != nil || !txn.Empty() {
		t.Errorf("again: %+v, %v", txn, err)
	}
	s.Journals[Unit{0, 1}] = journalSet(1, 1, JournalMember{0, 1})
	s.Bases[1][1] = Base{Base: 8, Prev: 5, PrevWarm: 2}
	if _, _, err := s.GiveUpJournals(stages); err == nil || !strings.Contains(err.Error(), "no image of its state after tick 5") {
		t.Errorf("a unit without an image of its state: %v", err)
	}
	s.Bases[1][1] = Base{Base: 9, Prev: 8}
	if _, _, err := s.GiveUpJournals(stages); err == nil {
		t.Error("a unit without image at the common tick")
	}
}

func TestActivateNonsense(t *testing.T) {
	for name, ev := range map[string]Activate{
		"itself":       {Set: journalSet(1, 1, JournalMember{1, 1})},
		"too many":     {Set: journalSet(1, 1, JournalMember{0, 1}, JournalMember{2, 1}, JournalMember{3, 1})},
		"nobody":       {Set: journalSet(1, 1)},
		"twice":        {Set: journalSet(1, 1, JournalMember{0, 1}, JournalMember{0, 1})},
		"no such node": {Set: journalSet(1, 1, JournalMember{9, 1})},
		"another life": {Set: journalSet(1, 2, JournalMember{0, 1})},
		"no stage":     {Stage: 5, Set: journalSet(1, 1, JournalMember{0, 1})},
		"not its unit": {Stage: 1, Set: journalSet(1, 1, JournalMember{0, 1})},
	} {
		d := running(t, 3)
		ev.From = d.from(1)
		d.step(ev)
		if got := d.took(); len(d.rec.Journals) > 0 || got != "kill1.1" {
			t.Errorf("%s: stored %+v, then %q", name, d.rec.Journals, got)
		}
	}
}
