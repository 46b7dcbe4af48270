package hostlink

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// shares tells whether segments can be shared in this build: a race build keeps them on the heap, and everything goes by value.
func shares(t *testing.T) bool {
	t.Helper()
	a, err := ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: 64 << 10, LimitBytes: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	return a.CanShare()
}

// pair runs a writer and a reader in one process.
func pair(t *testing.T, s spec, prepare func(w, r *node)) (w, r *node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w, err := newNode(writer, s)
	if err != nil {
		t.Fatal(err)
	}
	if r, err = newNode(reader, s); err != nil {
		t.Fatal(err)
	}
	prepare(w, r)
	if err := errors.Join(r.expect(r.incoming()), w.dial(r.endpoint.Addr())); err != nil {
		t.Fatal(err)
	}
	sent := make(chan error, 1)
	go func() { sent <- w.send(ctx) }()
	if err := r.receive(ctx); err != nil {
		cancel()
		t.Error(err)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if err := errors.Join(w.close(), r.close()); err != nil {
		t.Error(err)
	}
	return w, r
}

func TestFramesAreReadInPlace(t *testing.T) {
	for i := range 4 {
		s := defaultSpec(t, 1)
		s.Unordered, s.Polls = i&1 != 0, i&2 != 0
		t.Run(fmt.Sprintf("unordered=%v,polls=%v", s.Unordered, s.Polls), func(t *testing.T) {
			w, _ := pair(t, s, func(w, r *node) {})
			st := w.host.Stats()
			if !shares(t) {
				if st.SharedFrames != 0 {
					t.Errorf("%+v in a build that cannot share", st)
				}
				return
			}
			if st.SharedFrames == 0 || st.ValueFrames > st.SharedFrames/2 {
				t.Errorf("%+v, want most frames as references", st)
			}
		})
	}
}

// Cuts come at any moment: while references are under way, and while frames of closed ticks are still to be read.
func TestCutsResume(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			s := defaultSpec(t, seed)
			s.Unordered, s.Polls = seed%2 == 1, seed&2 != 0
			cut := errors.New("cut by the test")
			_, r := pair(t, s, func(w, r *node) {
				r.onTick = func(tick frame.Tick) {
					if uint64(tick)%(3+seed) == 0 {
						r.link.Load().Cut(cut)
					}
				}
				w.onTick = func(tick frame.Tick) {
					if uint64(tick)%(7+seed) == 0 {
						w.link.Load().Cut(cut)
					}
				}
			})
			if r.downs.Load() < 3 {
				t.Errorf("%d cuts, want some", r.downs.Load())
			}
		})
	}
}

// A tick far larger than what may be held, in an arena of a few segments: what cannot be shared goes by value, and is spilled.
func TestTickLargerThanTheArena(t *testing.T) {
	for _, polls := range []bool{false, true} {
		s := defaultSpec(t, 3)
		s.Ticks, s.Rows, s.Segment, s.Arena, s.Spill, s.Polls = 3, 20_000, 64<<10, 16*64<<10, t.TempDir(), polls
		w, _ := pair(t, s, func(w, r *node) {})
		if st := w.host.Stats(); shares(t) && (st.ValueFrames == 0 || st.SharedFrames == 0) {
			t.Errorf("polls=%v: %+v, want frames of both kinds", polls, st)
		}
	}
}
