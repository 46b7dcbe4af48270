package replica_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/replica"
)

// shelf is where the entries of a Log lie; it counts what it has lent.
type shelf struct {
	w       *world
	at      map[frame.Pos][]byte
	trimmed frame.Pos // below it nothing is there
	onDisk  int       // one in so many is; 0: none
	open    int
	lends   int
}

type lentBytes struct {
	*shelf
	b []byte
}

func (l lentBytes) Bytes() []byte { return l.b }
func (l lentBytes) Release()      { l.open-- }

func (s *shelf) Lend(at frame.Pos, wait bool) (replica.Lent, error) {
	if at < s.trimmed {
		return nil, fmt.Errorf("%d: %w", at, ringlog.ErrTrimmed)
	}
	if s.onDisk > 0 && int(at)%s.onDisk == 0 {
		if !wait {
			return nil, replica.ErrAway
		}
	}
	s.open++
	s.lends++
	return lentBytes{s, s.at[at]}, nil
}

// noted is a Log, and what was noted in it.
type noted struct {
	*shelf
	*replica.Owned
	entries []replica.Entry
	drop    frame.Tick
}

var logStream = replica.Stream{Kind: replica.Log, Owner: 0, ID: 4, Dest: 2}

func newNoted(w *world, owner *proc, window int) *noted {
	s := &shelf{w: w, at: map[frame.Pos][]byte{}}
	return &noted{shelf: s, Owned: owner.Own(logStream, replica.OwnedConfig{WindowBytes: window, Lender: s})}
}

func (n *noted) add(tick frame.Tick, size int) {
	b := bytesOf(int(tick)+len(n.entries), size)
	at := frame.Pos(len(n.entries) + 1)
	n.at[at] = bytes.Clone(b)
	n.entries = append(n.entries, replica.Entry{Number: uint64(at), Tick: tick, Bytes: b})
	n.Note(tick, at, b)
}

// trim drops ticks; the bytes are gone before the stream hears of it, as in a log.
func (n *noted) trim(t frame.Tick) {
	n.drop = max(n.drop, t)
	for i := range n.entries {
		if n.entries[i].Tick <= t {
			n.trimmed = frame.Pos(i + 2)
		}
	}
	n.Trim(t, 0)
}

// have reports whether all peers have all there is.
func (n *noted) have() bool {
	for _, p := range n.Stats().Peers {
		if !p.Linked || p.LagBytes != 0 {
			return false
		}
	}
	return true
}

// check compares what a peer has, of ticks above one, with what was noted.
func (n *noted) check(p *proc, life frame.Incarnation, above frame.Tick) error {
	var want []replica.Entry
	for _, e := range n.entries {
		if e.Tick > above {
			want = append(want, e)
		}
	}
	if len(want) == 0 {
		return nil // a peer that never got any knows nothing of it
	}
	i := 0
	err := p.Read(logStream, life, 0, above, func(e replica.Entry) error {
		if i >= len(want) || e.Number != want[i].Number || e.Tick != want[i].Tick || !bytes.Equal(e.Bytes, want[i].Bytes) {
			return fmt.Errorf("%v: entry %d of tick %d is not what was noted", p.Member, e.Number, e.Tick)
		}
		i++
		return nil
	})
	if err == nil && i != len(want) {
		err = fmt.Errorf("%v has %d entries above tick %d, want %d", p.Member, i, above, len(want))
	}
	return err
}

// Whoever holds a Log has all of it that was not trimmed: one that was there, one that was cut off, and a new life that came late. Nothing is lent meanwhile but
// what is being sent.
func TestHoldersAreRefilled(t *testing.T) {
	gone := 0
	for seed := range uint64(60) {
		if err := refilled(t, seed, replica.None, &gone); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	if gone == 0 {
		t.Error("no peer was lost")
	}
}

func refilled(t fataler, seed uint64, broken replica.Canary, gone *int) error {
	w := newWorld(t, seed)
	w.broken = broken
	a, peers := w.start(0, 1, 0), []*proc{nil, w.start(1, 1, 0), w.start(2, 1, 0)}
	n := newNoted(w, a, 1<<(9+seed%6))
	n.onDisk = int(seed % 4)
	n.SetPeers([]replica.Member{peers[1].Member, peers[2].Member})
	tick := frame.Tick(0)
	for range 40 {
		switch w.rng.IntN(6) {
		case 0:
			i := 1 + w.rng.IntN(2)
			peers[i] = w.start(frame.NodeID(i), peers[i].Life+1, 0)
			n.SetPeers([]replica.Member{peers[1].Member, peers[2].Member})
			*gone++
		case 1:
			n.trim(n.drop + frame.Tick(w.rng.IntN(int(tick-n.drop)+1)))
		case 2:
			w.settle(n.have, true)
		default:
			tick++
			for range 1 + w.rng.IntN(4) {
				n.add(tick, w.rng.IntN(6000))
			}
			steps := w.rng.IntN(60)
			w.settle(func() bool { steps--; return steps < 0 || n.have() }, false)
		}
	}
	w.settle(n.have, false)
	w.settle(func() bool { return n.open == 0 }, false)
	for _, p := range peers[1:] {
		if err := n.check(p, 1, n.drop); err != nil {
			return err
		}
	}
	return nil
}

// An entry that is damaged where its owner has it is told from one that was damaged on its way, and is a gap: no peer takes it, all get what comes behind
// it, in whole ticks.
func TestDamageAtTheOwner(t *testing.T) {
	if err := damagedAtTheOwner(t, replica.None); err != nil {
		t.Error(err)
	}
}

func damagedAtTheOwner(t fataler, broken replica.Canary) error {
	w := newWorld(t, 3)
	w.broken = broken
	a, b, c := w.start(0, 1, 0), w.start(1, 1, 0), w.start(2, 1, 0)
	n := newNoted(w, a, 0)
	n.SetPeers([]replica.Member{b.Member, c.Member})
	for tick := frame.Tick(1); tick <= 10; tick++ {
		n.add(tick, 5000)
		n.add(tick, 100)
	}
	n.at[9][17] ^= 8 // the first of tick 5
	w.settle(n.have, false)
	if st := n.Stats(); st.Damaged != 1 || st.Peers[0].Gaps != 1 || st.Peers[1].Gaps != 1 {
		return fmt.Errorf("%+v, want one that is damaged and a gap of each peer", st)
	}
	for _, p := range []*proc{b, c} {
		if h := p.Held(); len(h) != 1 || h[0].Floor != 5 || h[0].First != 6 {
			return fmt.Errorf("%v holds %+v, want all above tick 5", p.Member, h)
		}
		if err := n.check(p, 1, 5); err != nil {
			return err
		}
	}
	return nil
}

// What a peer finds damaged where it keeps it is never handed out, and comes again from its owner.
func TestDamageAtAPeer(t *testing.T) {
	if err := damagedAtAPeer(t, replica.None); err != nil {
		t.Error(err)
	}
}

func damagedAtAPeer(t fataler, broken replica.Canary) error {
	w := newWorld(t, 4)
	w.broken = broken
	a, b := w.start(0, 1, 0), w.start(1, 1, 0)
	n := newNoted(w, a, 0)
	n.SetPeers([]replica.Member{b.Member})
	for tick := frame.Tick(1); tick <= 10; tick++ {
		n.add(tick, 3000)
	}
	w.settle(n.have, false)
	if !b.DamageHeld(logStream, 1, 6) {
		t.Fatal("nothing to damage")
	}
	if err := n.check(b, 1, 0); err == nil {
		return errors.New("what is damaged was handed out")
	}
	n.add(11, 3000) // it does not follow what the peer has now
	w.settle(func() bool { return n.have() && n.check(b, 1, 0) == nil }, false)
	if st := n.Stats(); st.Damaged != 0 || st.Peers[0].Gaps != 0 {
		return fmt.Errorf("%+v: nothing is wrong at the owner", st)
	}
	return nil
}

// failing is a test that has to fail.
type failing struct{}

type failed struct{}

func (failing) Fatal(...any) { panic(failed{}) }

// Each rule left out is found.
func TestRefillCanaries(t *testing.T) {
	for name, play := range map[string]func(f failing) error{
		"a Log forgets what its peers have": func(f failing) (err error) {
			for seed := uint64(0); seed < 60 && err == nil; seed++ {
				err = refilled(f, seed, replica.R1, new(int))
			}
			return err
		},
		"what lies damaged at its owner is sent again and again": func(f failing) error { return damagedAtTheOwner(f, replica.R2) },
		"a holder takes what does not follow":                    func(f failing) error { return damagedAtAPeer(f, replica.R3) },
	} {
		if !found(play) {
			t.Errorf("%s: nothing was found", name)
		}
	}
}

func found(play func(failing) error) (yes bool) {
	defer func() {
		if r := recover(); r == (failed{}) {
			yes = true
		} else if r != nil {
			panic(r)
		}
	}()
	return play(failing{}) != nil
}

// A new holder takes what another one has, as far as that is whole, and only the rest from the owner; also when the other one is lost meanwhile, or cut off.
func TestHoldersRefillEachOther(t *testing.T) {
	for seed := range uint64(40) {
		w := newWorld(t, seed)
		a, b := w.start(0, 1, 0), w.start(1, 1, 0)
		n := newNoted(w, a, 0)
		n.SetPeers([]replica.Member{b.Member})
		for tick := frame.Tick(1); tick <= 60; tick++ {
			n.add(tick, w.rng.IntN(40_000))
		}
		n.trim(7)
		w.settle(n.have, false)
		n.settled(w, b)
		kind := seed % 4
		fromOwner := 0
		if kind == 1 { // the last third of what the other one has is of no use
			fromOwner = 20
			for !b.DamageHeld(logStream, 1, 33) {
				t.Fatal("nothing to damage")
			}
		}
		c := w.make(2, 1, 0)
		c.SetOthers(func(replica.Stream) []frame.NodeID { return []frame.NodeID{1} })
		w.join(c)
		w.settle(func() bool { return len(c.Linked()) == 2 }, false)
		lends := n.lends
		n.SetPeers([]replica.Member{b.Member, c.Member})
		switch kind {
		case 2:
			steps := w.rng.IntN(200)
			w.settle(func() bool { steps--; return steps < 0 || n.have() }, false)
			b.end.Kill()
			n.SetPeers([]replica.Member{c.Member})
			w.start(1, 2, 0)
		case 3:
			w.settle(n.have, true)
		}
		w.settle(n.have, false)
		if err := n.check(c, 1, 7); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if got := n.lends - lends; kind < 2 && got != fromOwner {
			t.Errorf("seed %d: %d entries came from the owner, want %d", seed, got, fromOwner)
		}
	}
}

// settled waits until a peer has dropped what was trimmed.
func (n *noted) settled(w *world, p *proc) {
	w.settle(func() bool { h := p.Held(); return len(h) == 1 && h[0].First > n.drop }, false)
}

// A peer that is behind does not stand before one that is not: while it gets what it lacks, the other has everything at once.
func TestRefillingWaitsForOthers(t *testing.T) {
	w := newWorld(t, 5)
	a, b := w.start(0, 1, 0), w.start(1, 1, 0)
	old := newNoted(w, a, 64<<10)
	for tick := frame.Tick(1); tick <= 800; tick++ {
		old.add(tick, 10_000)
	}
	live := &noted{shelf: &shelf{w: w, at: map[frame.Pos][]byte{}}}
	live.Owned = a.Own(replica.Stream{Kind: replica.Log, Owner: 0, ID: 5, Dest: 2}, replica.OwnedConfig{WindowBytes: 64 << 10, Lender: live.shelf})
	old.SetPeers([]replica.Member{b.Member})
	live.SetPeers([]replica.Member{b.Member})
	for tick := frame.Tick(1); tick <= 20; tick++ {
		live.add(tick, 1000)
		before := old.Stats().Peers[0].LagBytes
		w.settle(live.have, false)
		if after := old.Stats().Peers[0].LagBytes; before-after > 4<<20 {
			t.Fatalf("tick %d came when %d bytes of the other stream had", tick, before-after)
		}
	}
	if old.have() {
		t.Error("there was nothing to refill at the end")
	}
	w.settle(old.have, false)
	if err := old.check(b, 1, 0); err != nil {
		t.Error(err)
	}
}
