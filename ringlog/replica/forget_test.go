package replica

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// What an owner forgets, tick by tick in any order, is gone at a peer that hears of it at any time, and nothing else is.
func TestForgetAgainstSet(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 5))
		n := New(Config{Self: Member{1, 1}})
		w := n.Own(Stream{Kind: Images, ID: 7}, OwnedConfig{})
		h := NewHolder(1 << 20)
		s := w.Stream()
		if _, err := h.Promise(s, wire.Promise{Stream: s.wire(), Incarnation: 1, Life: 1}); err != nil {
			t.Fatal(err)
		}
		there := map[frame.Tick]bool{}
		for tick := range frame.Tick(40) {
			tick++
			for range 1 + rng.IntN(2) {
				number, err := w.Append(tick, []byte{byte(tick)})
				if err != nil {
					t.Fatal(err)
				}
				e := wire.Entry{Stream: s.wire(), Life: 1, Number: number, Prev: number - 1, Tick: tick, Sum: sumOf(s, 1, number, tick, []byte{byte(tick)})}
				if _, err := h.Copy(s, &e, []byte{byte(tick)}); err != nil {
					t.Fatal(err)
				}
			}
			there[tick] = true
		}
		for range rng.IntN(60) {
			tick := 1 + frame.Tick(rng.IntN(40))
			w.Forget(tick)
			delete(there, tick)
			if rng.IntN(8) == 0 {
				w.Trim(tick, 0)
				for k := range tick + 1 {
					delete(there, k)
				}
			}
		}
		o := &outgoing{node: n, dropped: map[*Owned]uint64{}}
		g := gathering{o: o}
		g.drop(w)
		for b := g.buf; len(b) > 0; {
			head, err := wire.ParseHead(b, len(b))
			if err != nil {
				t.Fatal(err)
			}
			m, err := wire.Decode(b[:head.Len])
			if err != nil {
				t.Fatal(err)
			}
			h.Drop(s, m.Drop(0))
			b = b[frame.PadLen(int(head.Len)):]
		}
		held, kept := map[frame.Tick]bool{}, map[frame.Tick]bool{}
		h.Read(s, wire.Fetch{Stream: s.wire(), Life: 1, MaxBytes: 1 << 20}, func(e *wire.Entry, _ []byte) {
			if e.Flags&wire.FlagEnd == 0 {
				held[e.Tick] = true
			}
		})
		for _, k := range w.tail.entries {
			kept[k.tick] = true
		}
		if fmt.Sprint(held) != fmt.Sprint(there) || fmt.Sprint(kept) != fmt.Sprint(there) {
			t.Fatalf("seed %d: the peer has %v, the owner %v, want %v", seed, held, kept, there)
		}
	}
}

// A life whose stream was promised to a later one drops nothing any more.
func TestDropOfFormerLife(t *testing.T) {
	n, in := promised(t)
	if err := in.Frame(copyOf(1, 0, 5, []byte("x"))); err != nil {
		t.Fatal(err)
	}
	s := Stream{Kind: Journal, Owner: 2, ID: 1}
	if _, err := n.mu.holder.Promise(s, wire.Promise{Stream: s.wire(), Incarnation: 2, Life: 1}); err != nil {
		t.Fatal(err)
	}
	drop := wire.AppendDrop(nil, wire.Drop{Stream: s.wire(), Tick: 5})
	if err := in.Frame(drop[:wire.HeadLen+32+wire.SumLen]); err != nil {
		t.Fatal(err)
	}
	if got := n.Held(); len(got) != 1 || got[0].Entries != 1 {
		t.Errorf("held %+v, want the entry", got)
	}
}

// A life that found no images numbers its own from 1 again: what the one before dropped at a peer that it had not counted yet is none of them.
func TestDropOfFormerLifeSparesThoseBegunAnew(t *testing.T) {
	h := NewHolder(1 << 20)
	s := Stream{Kind: Images, ID: 7}
	for life := frame.Incarnation(1); life <= 2; life++ {
		if _, err := h.Promise(s, wire.Promise{Stream: s.wire(), Incarnation: life, Life: life}); err != nil {
			t.Fatal(err)
		}
		e := wire.Entry{Stream: s.wire(), Life: life, Number: 1, Tick: 1, Sum: sumOf(s, life, 1, 1, []byte("x"))}
		if taken, err := h.Copy(s, &e, []byte("x")); !taken || err != nil {
			t.Fatalf("life %d: taken %v, %v", life, taken, err)
		}
		if life == 1 {
			h.Drop(s, wire.Drop{Stream: s.wire(), Tick: 4})
		}
	}
	held := 0
	h.Read(s, wire.Fetch{Stream: s.wire(), Life: 2, MaxBytes: 1 << 20}, func(e *wire.Entry, _ []byte) {
		if e.Flags&wire.FlagEnd == 0 {
			held++
		}
	})
	if held != 1 {
		t.Errorf("%d entries of life 2 are held, want 1: it was acknowledged", held)
	}
}
