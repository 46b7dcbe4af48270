package ringlog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// TestReadersRaceWriter lets a writer, polling readers, lessees and the driver loose on an arena of a few segments. Each chain is
// trimmed behind its slowest reader, so that every frame must be seen once, in order, whole.
func TestReadersRaceWriter(t *testing.T) {
	onEachBacking(t, func(t *testing.T, b Backing) {
		t.Run("memory", func(t *testing.T) { raceWriter(t, testArena(t, b, 4), false) })
		t.Run("spill", func(t *testing.T) { raceWriter(t, testArena(t, b, 3, withSpill(t)), true) })
	})
}

// raceWriter writes 3,000 frames. With late, one reader begins when all is written: everything has to be kept.
func raceWriter(t *testing.T, a *Arena, late bool) {
	const frames = 3000
	wake := make(chan struct{}, 1)
	l := testLog(t, a, LogConfig{Sums: true, Wake: func() { poke(wake) }})
	a.Start()
	var progress [3]atomic.Uint64 // the last tick that each reader is done with
	trim := func() {
		low := progress[0].Load()
		for i := range progress {
			low = min(low, progress[i].Load())
		}
		l.Trim(chainA, frame.Tick(low))
	}
	written := make(chan struct{})
	leases := make(chan Lease, 16)
	errs := make(chan error, 8)
	var all sync.WaitGroup
	all.Go(func() { // the writer
		defer close(written)
		errs <- writeRaced(l, frames, wake)
	})
	for i := range progress {
		all.Go(func() { // readers; the last one hands leases on
			if late && i == 0 {
				<-written
			}
			err := readRaced(l, frames, func(tick frame.Tick, pos frame.Pos) error {
				if i == len(progress)-1 {
					lease, err := l.Acquire(pos)
					if err != nil {
						return err
					}
					leases <- lease
				}
				progress[i].Store(uint64(tick))
				trim()
				return nil
			})
			if i == len(progress)-1 {
				close(leases)
			}
			errs <- err
		})
	}
	all.Go(func() { // asks for what may be gone: gets that very frame, or is told
		errs <- probe(l, written)
	})
	all.Go(func() { // checks and releases what was leased, some of it later
		var errLeases error
		for lease := range leases {
			_, err := checkFrame(frame.DecodeHeader(lease.Bytes()).Pos, lease.Bytes())
			errLeases = errors.Join(errLeases, err)
			lease.Release()
		}
		errs <- errLeases
	})
	all.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	if st := a.Stats(); st.Leases != 0 || l.Stats().Spilled != 0 {
		t.Errorf("left over: %+v, %+v", st, l.Stats())
	}
}

// probe acquires random positions near the writer, and rather behind it, until the writer is done.
func probe(l *Log, done <-chan struct{}) error {
	rng := rand.New(rand.NewPCG(5, 6))
	for {
		select {
		case <-done:
			return nil
		default:
		}
		n, _ := l.arena.layout.Split(l.Committed())
		pos := l.arena.layout.First(n - min(n, SegmentNumber(rng.IntN(3))))
		lease, err := l.Acquire(pos)
		if errors.Is(err, ErrTrimmed) || errors.Is(err, ErrNotCommitted) {
			runtime.Gosched()
			continue
		}
		if err == nil {
			_, err = checkFrame(pos, lease.Bytes())
			lease.Release()
		}
		if err != nil {
			return fmt.Errorf("probe %d: %w", pos, err)
		}
	}
}

func writeRaced(l *Log, frames int, wake <-chan struct{}) error {
	sizes := rand.New(rand.NewPCG(1, 2))
	for tick := 1; tick <= frames; {
		switch _, err := write(l, chainA, frame.Tick(tick), frame.HeaderLen+sizes.IntN(4000)); {
		case err == nil:
			tick++
		case errors.Is(err, ErrNoSegment):
			<-wake
		default:
			return err
		}
	}
	return nil
}

func readRaced(l *Log, frames int, done func(frame.Tick, frame.Pos) error) error {
	r := l.Reader(0)
	for tick := frame.Tick(0); tick < frame.Tick(frames); {
		var bad error
		n := r.Poll(7, func(pos frame.Pos, b []byte) bool {
			h, err := checkFrame(pos, b)
			if err == nil && h.Tick != tick+1 {
				err = fmt.Errorf("tick %d at %d, want %d", h.Tick, pos, tick+1)
			}
			tick = h.Tick
			bad = errors.Join(err, done(h.Tick, pos))
			return bad == nil
		})
		if err := errors.Join(bad, r.Err()); err != nil {
			return err
		}
		if n == 0 {
			runtime.Gosched()
		}
	}
	return nil
}
