package ringlog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// TestLogsShareSmallArena is the smallest configuration that the engine promises to work with: 4 MiB of 64 KiB segments for several logs.
// Writers in one thread write ticks; a reader per log follows and trims at random times. Everybody must get through.
func TestLogsShareSmallArena(t *testing.T) {
	onEachBacking(t, func(t *testing.T, b Backing) {
		t.Run("memory", func(t *testing.T) { shareArena(t, testArena(t, b, 64), 12) })
		t.Run("tight", func(t *testing.T) { shareArena(t, testArena(t, b, 8), 4) })
		t.Run("spill", func(t *testing.T) { shareArena(t, testArena(t, b, 8, withSpill(t)), 4) })
	})
}

type sharer struct {
	log     *Log
	reader  *Reader
	written frame.Tick
	read    frame.Tick
	greedy  bool // reads nothing until everybody else is done
}

func shareArena(t *testing.T, a *Arena, logs int) {
	const ticks = 150
	rng := rand.New(rand.NewPCG(3, uint64(logs)))
	all := make([]*sharer, logs)
	for i := range all {
		l := testLog(t, a, LogConfig{Core: frame.CoreID(i), Sums: true})
		all[i] = &sharer{log: l, reader: l.Reader(0), greedy: i == 0}
	}
	for turns := 0; ; turns++ {
		if turns > 1_000_000 {
			t.Fatalf("no progress: %+v", a.Stats())
		}
		s := all[rng.IntN(logs)]
		done, others := true, true
		for i, o := range all {
			done = done && o.read == ticks
			others = others && (i == 0 || o.read == ticks)
		}
		if done {
			break
		}
		if err := s.step(ticks, rng, !s.greedy || others); err != nil {
			t.Fatal(err)
		}
		if rng.IntN(3) == 0 {
			a.Step()
		}
	}
	for _, s := range all {
		if st := s.log.Stats(); st.Spilled > 0 || st.Segments > 1 {
			t.Errorf("left over: %+v", st)
		}
	}
}

// step writes or reads one frame.
func (s *sharer) step(ticks frame.Tick, rng *rand.Rand, mayRead bool) error {
	if s.written < ticks && rng.IntN(2) == 0 {
		_, err := write(s.log, chainA, s.written+1, 64+rng.IntN(20000))
		if errors.Is(err, ErrNoSegment) {
			return nil
		}
		s.written++
		return err
	}
	if !mayRead {
		return nil
	}
	var bad error
	s.reader.Poll(1, func(pos frame.Pos, b []byte) bool {
		h, err := checkFrame(pos, b)
		if bad = err; h.Tick != s.read+1 {
			bad = errors.Join(bad, fmt.Errorf("read tick %d, want %d", h.Tick, s.read+1))
		}
		s.read = h.Tick
		return true
	})
	if rng.IntN(4) == 0 || s.read == ticks {
		s.log.Trim(chainA, s.read)
	}
	return errors.Join(bad, s.reader.Err())
}
