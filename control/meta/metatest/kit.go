// Package metatest is the conformance kit of metadata stores: what every implementation of meta.Store has to do.
//
// # Not here
//
// What is stored (meta, control).
package metatest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/meta"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Factory makes an empty store, and says how to close and open it again.
type Factory func(t *testing.T) (s meta.Store, reopen func(meta.Store) meta.Store)

// Run runs the kit.
func Run(t *testing.T, make Factory) {
	for name, test := range map[string]func(*testing.T, Factory){
		"SwapIsAllOrNothing": swapAllOrNothing, "ReopenKeeps": reopenKeeps, "OneWinnerPerGuard": oneWinner,
		"RecordSurvives": recordSurvives, "TakeOverFences": takeOverFences, "OthersAreRefused": othersRefused,
	} {
		t.Run(name, func(t *testing.T) { test(t, make) })
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func dump(t *testing.T, s meta.Store) string {
	t.Helper()
	pairs, err := s.Load()
	ok(t, err)
	return fmt.Sprintf("%s", pairs)
}

func pair(key, value string) meta.Pair { return meta.Pair{Key: key, Value: []byte(value)} }

func swapAllOrNothing(t *testing.T, make Factory) {
	s, _ := make(t)
	defer s.Close()
	absent := meta.Pair{Key: "epoch"}
	ok(t, s.Swap(absent, []meta.Pair{pair("epoch", "1"), pair("b", "x"), pair("a", "y")}))
	for _, guard := range []meta.Pair{absent, pair("epoch", "2"), pair("epoch", ""), pair("other", "1")} {
		if err := s.Swap(guard, []meta.Pair{pair("a", "z"), pair("epoch", "9")}); !errors.Is(err, meta.ErrGuard) {
			t.Errorf("guard %s=%q: got %v, want %v", guard.Key, guard.Value, err, meta.ErrGuard)
		}
	}
	if got, want := dump(t, s), "[{a y} {b x} {epoch 1}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	value := []byte("mine")
	ok(t, s.Swap(pair("epoch", "1"), []meta.Pair{{Key: "a", Value: value}}))
	copy(value, "your")
	pairs, err := s.Load()
	ok(t, err)
	copy(pairs[1].Value, "?")
	if got, want := dump(t, s), "[{a mine} {b x} {epoch 1}]"; got != want {
		t.Errorf("a slice is shared: got %s, want %s", got, want)
	}
}

func reopenKeeps(t *testing.T, make Factory) {
	s, reopen := make(t)
	if got := dump(t, s); got != "[]" {
		t.Fatalf("a new store holds %s", got)
	}
	ok(t, s.Swap(meta.Pair{Key: "k"}, []meta.Pair{pair("k", "1")}))
	ok(t, s.Swap(pair("k", "1"), []meta.Pair{pair("k", "2")}))
	closed := s
	s = reopen(s)
	defer s.Close()
	if got, want := dump(t, s), "[{k 2}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, err := closed.Load(); err == nil {
		t.Error("a closed store can be read")
	}
	if err := closed.Swap(pair("k", "2"), []meta.Pair{pair("k", "3")}); err == nil || errors.Is(err, meta.ErrGuard) {
		t.Errorf("a swap of a closed store: got %v", err)
	}
}

func oneWinner(t *testing.T, make Factory) {
	s, _ := make(t)
	defer s.Close()
	var wg sync.WaitGroup
	wins := [8]error{}
	for i := range wins {
		wg.Go(func() { wins[i] = s.Swap(meta.Pair{Key: "k"}, []meta.Pair{pair("k", fmt.Sprint(i))}) })
	}
	wg.Wait()
	winners := 0
	for i, err := range wins {
		if err == nil {
			winners++
			if got, want := dump(t, s), fmt.Sprintf("[{k %d}]", i); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		} else if !errors.Is(err, meta.ErrGuard) {
			t.Error(err)
		}
	}
	if winners != 1 {
		t.Errorf("%d of %d swaps won, want 1", winners, len(wins))
	}
}

var id = meta.Identity{Job: "flights", Plan: 7, Schema: 8, Nodes: 2, Stages: 3}

func recordSurvives(t *testing.T, make Factory) {
	s, reopen := make(t)
	rec, err := meta.TakeOver(s, id)
	ok(t, err)
	want := rec.Clone()
	for _, txn := range []control.Txn{
		{Schedule: control.TickRule{LengthNs: 5e6}.Schedule(99), Register: []control.Registration{{Node: 0, Incarnation: 1}, {Node: 1, Incarnation: 1}}},
		{Bases: []control.UnitBase{{Unit: control.Unit{Stage: 2, Node: 1}, Base: control.Base{Base: 20, Prev: 10, Warm: 7, PrevWarm: 10}}}, Mark: 20},
		{Bases: []control.UnitBase{{Unit: control.Unit{Stage: 2, Node: 1}, Base: control.Base{Base: frame.MaxTick - 1, Prev: 20}}},
			Register: []control.Registration{{Node: 1, Incarnation: 2}}},
		{Outcome: control.OutputComplete},
	} {
		txn.Epoch = rec.Epoch
		ok(t, meta.Commit(s, txn))
		ok(t, meta.Commit(s, txn)) // again changes nothing
		want.Apply(txn)
		s = reopen(s)
		got, err := meta.Load(s, id)
		ok(t, err)
		if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
			t.Fatalf("got %s, want %s", g, w)
		}
	}
	ok(t, s.Close())
}

func takeOverFences(t *testing.T, make Factory) {
	s, _ := make(t)
	defer s.Close()
	first, err := meta.TakeOver(s, id)
	ok(t, err)
	second, err := meta.TakeOver(s, id)
	ok(t, err)
	if first.Epoch != 1 || second.Epoch != 2 {
		t.Errorf("epochs %d and %d, want 1 and 2", first.Epoch, second.Epoch)
	}
	before := dump(t, s)
	for _, epoch := range []control.Epoch{0, 1, 3} {
		err := meta.Commit(s, control.Txn{Epoch: epoch, Mark: 5})
		if !errors.Is(err, meta.ErrFenced) || !meta.Persisted(err).Fenced {
			t.Errorf("epoch %d: got %v, want %v", epoch, err, meta.ErrFenced)
		}
	}
	if after := dump(t, s); after != before {
		t.Errorf("got %s, want %s", after, before)
	}
	ok(t, meta.Commit(s, control.Txn{Epoch: 2, Mark: 5}))
}

func othersRefused(t *testing.T, make Factory) {
	s, _ := make(t)
	defer s.Close()
	_, err := meta.TakeOver(s, id)
	ok(t, err)
	for _, change := range []func(*meta.Identity){
		func(o *meta.Identity) { o.Job = "count" }, func(o *meta.Identity) { o.Plan++ }, func(o *meta.Identity) { o.Schema++ },
		func(o *meta.Identity) { o.Nodes++ }, func(o *meta.Identity) { o.Stages++ },
	} {
		other := id
		change(&other)
		if _, err := meta.TakeOver(s, other); !errors.Is(err, meta.ErrOther) {
			t.Errorf("%+v: got %v, want %v", other, err, meta.ErrOther)
		}
	}
}
