package meta

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/control"
)

func goodPairs() []Pair {
	id := Identity{Job: "j", Plan: 1, Schema: 2, Nodes: 2, Stages: 2}
	return append([]Pair{seal(keyFormat, number(Format)), seal(keyJob, id.text()), seal(keyEpoch, "3")}, encode(control.Txn{
		Schedule: control.TickRule{LimitByte: 5}.Schedule(1), Mark: 4, Outcome: control.OutputComplete,
		Register: []control.Registration{{Node: 1, Incarnation: 5}},
		Bases:    []control.UnitBase{{Unit: control.Unit{Stage: 1, Node: 1}, Base: control.Base{Base: 9, Prev: 8}}},
		Journals: []control.UnitJournal{{Unit: control.Unit{Stage: 0, Node: 1}, Set: control.JournalSet{Version: 2, Life: 5, Members: []control.JournalMember{{Node: 0, Life: 3}}}}},
		Images:   []control.UnitJournal{{Unit: control.Unit{Stage: 1, Node: 0}, Set: control.JournalSet{Version: 1, Life: 4, Members: []control.JournalMember{{Node: 1, Life: 5}}}}},
	})...)
}

func TestHostileRecords(t *testing.T) {
	_, rec, err := Decode(goodPairs())
	if err != nil {
		t.Fatal(err)
	}
	if set := rec.Journals[control.Unit{Stage: 0, Node: 1}]; set.Version != 2 || set.Life != 5 || len(set.Members) != 1 {
		t.Errorf("journals %+v", rec.Journals)
	}
	if set := rec.Images[control.Unit{Stage: 1, Node: 0}]; set.Version != 1 || set.Life != 4 || len(set.Members) != 1 || len(rec.Journals) != 1 {
		t.Errorf("images %+v, journals %+v", rec.Images, rec.Journals)
	}
	for name, c := range map[string]struct {
		change func([]Pair) []Pair
		want   error
	}{
		"another format":   {func(p []Pair) []Pair { return append(p[1:], seal(keyFormat, number(Format+1))) }, ErrOther},
		"no format":        {func(p []Pair) []Pair { return p[1:] }, ErrOther},
		"no job":           {func(p []Pair) []Pair { return append(p[:1:1], p[2:]...) }, ErrDamaged},
		"no epoch":         {func(p []Pair) []Pair { return append(p[:2:2], p[3:]...) }, ErrDamaged},
		"wrong sum":        {func(p []Pair) []Pair { p[4].Value[0]++; return p }, ErrDamaged},
		"a value of a key": {func(p []Pair) []Pair { p[4].Value = p[3].Value; return p }, ErrDamaged},
		"no sum":           {func(p []Pair) []Pair { p[4].Value = []byte("4"); return p }, ErrDamaged},
		"empty value":      {func(p []Pair) []Pair { p[4].Value = nil; return p }, ErrDamaged},
		"unknown key":      {func(p []Pair) []Pair { return append(p, seal("x", "1")) }, ErrDamaged},
		"node too great":   {func(p []Pair) []Pair { return append(p, seal("incarnation/0002", "1")) }, ErrDamaged},
		"stage too great":  {func(p []Pair) []Pair { return append(p, seal("base/0002/0000", "1 1")) }, ErrDamaged},
		"half a base":      {func(p []Pair) []Pair { return append(p, seal("base/0001/0000", "1")) }, ErrDamaged},
		"journal of none": {func(p []Pair) []Pair {
			return append(p, seal("journal/0000/0000", `{"Version":1,"Life":1,"Members":[]}`))
		}, ErrDamaged},
		"own member": {func(p []Pair) []Pair {
			return append(p, seal("journal/0000/0000", `{"Version":1,"Life":1,"Members":[{"Node":0,"Life":1}]}`))
		}, ErrDamaged},
		"negative": {func(p []Pair) []Pair { return append(p, seal(keyMark, "-1")) }, ErrDamaged},
		"outcome":  {func(p []Pair) []Pair { return append(p, seal(keyOutcome, "great")) }, ErrDamaged},
		"schedule": {func(p []Pair) []Pair { return append(p, seal(keySchedule, `{"Entries":[]}`)) }, ErrDamaged},
		"huge job": {func(p []Pair) []Pair { return append(p, seal(keyJob, `{"Nodes":4096,"Stages":65536}`)) }, ErrDamaged},
	} {
		_, _, err := Decode(c.change(goodPairs()))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

// FuzzDecode reads sealed texts: the sums are right, all else is the fuzzer's. What passes is what would be written.
func FuzzDecode(f *testing.F) {
	var text strings.Builder
	for _, p := range goodPairs() {
		s, err := p.open()
		if err != nil {
			f.Fatal(err)
		}
		fmt.Fprintf(&text, "%s=%s\n", p.Key, s)
	}
	f.Add(text.String())
	f.Add("format=1\njob={}\nepoch=0\nbase//=\n")
	f.Fuzz(func(t *testing.T, text string) {
		pairs := []Pair{{"x", []byte(text)}}
		if _, err := pairs[0].open(); err == nil {
			t.Fatal("a text is its own sum")
		}
		pairs = nil
		seen := map[string]bool{}
		for line := range strings.Lines(text) {
			key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			if !seen[key] {
				seen[key] = true
				pairs = append(pairs, seal(key, value))
			}
		}
		id, rec, err := Decode(pairs)
		if err != nil {
			return
		}
		if len(rec.Bases) != id.Stages || len(rec.Incarnations) != id.Nodes || rec.Outcome > control.OutputVisible {
			t.Fatalf("got %+v of %+v", rec, id)
		}
	})
}

func TestHolder(t *testing.T) {
	locks := "1: POSIX  ADVISORY  WRITE 11 08:01:131 0 EOF\n2: FLOCK  ADVISORY  WRITE 22 08:01:1310 0 EOF\n" +
		"3: -> FLOCK  ADVISORY  WRITE 33 08:01:131 0 EOF\n4: FLOCK  ADVISORY  WRITE 44 08:01:131 0 EOF\nshort\n"
	if got := holderIn(locks, 131); got != "process 44" {
		t.Errorf("got %q", got)
	}
	if got := holderIn(locks, 7); got != "another process" {
		t.Errorf("got %q", got)
	}
}
