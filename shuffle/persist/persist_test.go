package persist

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/state/snapshot"
)

func openDir(t *testing.T) *snapshot.Dir {
	t.Helper()
	d, err := snapshot.OpenDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// TestStreamIsWhatWasSent: whatever lives do, end at any time, restart anywhere below what they had persisted, go on as zombies beside their successors, and
// however the store fails, the stream has every tick once, without a gap, as it was sent.
func TestStreamIsWhatWasSent(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 2))
			store := &faulty{Store: newMemory(), rng: rng}
			if seed%8 == 0 {
				store.Store = openDir(t)
			}
			w := newWorld(t, seed, store)
			l := w.life(1, 0)
			var zombie *life
			lives := frame.Incarnation(1)
			for steps := 0; l.PersistedTo(0) < frame.MaxTick; steps++ {
				if steps > 200_000 {
					t.Fatalf("no end: %+v", l.p.streams[0].stat())
				}
				if steps > 20_000 {
					store.rng = nil
				}
				for _, x := range []*life{l, zombie} {
					if x == nil || x == zombie && rng.IntN(3) > 0 {
						continue
					}
					x.emit(rng)
					if rng.IntN(4) == 0 {
						if err := x.persist(rng); err != nil {
							t.Fatal(err)
						}
					}
				}
				if lives < 6 && rng.IntN(60) == 0 {
					// Base is where an image was saved: not above what is persisted.
					base := min(l.PersistedTo(0), w.ticks)
					base -= frame.Tick(rng.Uint64N(uint64(base) + 1))
					if zombie != nil {
						zombie.close()
					}
					if zombie = nil; rng.IntN(2) == 0 {
						zombie = l
					} else {
						l.close()
					}
					lives++
					l = w.life(lives, base)
				}
			}
			store.rng = nil
			w.check(frame.MaxTick)
			if !l.p.streams[0].chain.open || l.p.streams[0].stat().Frames > 0 || l.p.streams[0].bytes > 0 {
				t.Errorf("still kept: %+v", l.p.streams[0].stat())
			}
		})
	}
}

// TestLogsAreTrimmed: what is persisted, and nobody needs, leaves the logs; what is not persisted stays, whatever its readers have.
func TestLogsAreTrimmed(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	w := newWorld(t, 3, openDir(t))
	w.object = 1
	l := w.life(1, 0)
	for !l.emitted() {
		l.emit(rng)
	}
	for range 100 {
		l.emit(rng)
	}
	l.Need(0, 1, frame.MaxTick) // node 1 has everything
	if err := l.p.take(); err != nil {
		t.Fatal(err)
	}
	frames := slices.Concat(l.p.streams[0].ready, l.p.streams[0].fresh)
	for _, f := range frames {
		lease, err := l.Lend(f)
		if err != nil {
			t.Fatalf("a frame of tick %d is gone before it was persisted: %v", f.First, err)
		}
		lease.Release()
	}
	for l.PersistedTo(0) < frame.MaxTick {
		if err := l.persist(rng); err != nil {
			t.Fatal(err)
		}
	}
	if kept := l.Kept(nil); len(kept) > 0 || len(frames) == 0 {
		t.Errorf("%d frames were written, and kept is %+v", len(frames), kept)
	}
}

// TestGapIsSaid: an edge that had another policy for some time has a gap, which is named.
func TestGapIsSaid(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 3))
	w := newWorld(t, 4, openDir(t))
	first := w.life(1, 0)
	for first.PersistedTo(0) < 2 {
		first.emit(rng)
		if err := first.persist(rng); err != nil {
			t.Fatal(err)
		}
	}
	through := first.PersistedTo(0)
	after := through + 3
	w.ticks = max(w.ticks, after+5)
	next := w.life(2, after)
	for next.PersistedTo(0) < frame.MaxTick {
		next.emit(rng)
		if err := next.persist(rng); err != nil {
			t.Fatal(err)
		}
	}
	streams, err := Open(w.store, testJob)
	if err != nil {
		t.Fatal(err)
	}
	reports, err := streams[0].Check()
	if err != nil || len(reports) != 1 || len(reports[0].Gaps) != 1 || reports[0].Gaps[0] != (Range{through + 1, after}) {
		t.Fatalf("%+v, %v; want a gap of %d to %d", reports, err, through+1, after)
	}
	if first.warned != 0 || next.warned != 1 {
		t.Errorf("told %d times by the first life, %d times by the one that found the gap, want 0 and 1", first.warned, next.warned)
	}
	nothing := func(*Rows) error { return nil }
	if err := streams[0].Read(1, through+1, nothing); !errors.Is(err, ErrMissing) {
		t.Errorf("reading into the gap: %v", err)
	}
	if err := streams[0].Read(after+1, frame.MaxTick, nothing); err != nil {
		t.Errorf("reading behind the gap: %v", err)
	}
}

// TestTripwire: what is computed again must be what is persisted.
func TestTripwire(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 3))
	w := newWorld(t, 5, openDir(t))
	l := w.life(1, 0)
	for l.PersistedTo(0) < frame.MaxTick {
		l.emit(rng)
		if err := l.persist(rng); err != nil {
			t.Fatal(err)
		}
	}
	w.seed++ // other rows
	next := w.life(2, 1)
	for range 10_000 {
		next.emit(rng)
		if err := next.persist(rng); err != nil {
			if !errors.Is(err, shuffle.ErrTripwire) {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatal("other rows were taken for the same")
}
