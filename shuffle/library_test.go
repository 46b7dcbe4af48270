package shuffle

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Random shuffles in both modes, within one process and between several, against what a plain loop says.
func TestShuffleAgainstOracle(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		for seed := range uint64(12) {
			t.Run(fmt.Sprintf("ordered=%v/seed=%d", ordered, seed), func(t *testing.T) { runShuffle(t, ordered, seed) })
		}
	}
}

func runShuffle(t *testing.T, ordered bool, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 3))
	nodes, cfg := 1+rng.IntN(3), tiny(ordered)
	cfg.Writers, cfg.Readers = 1+rng.IntN(3), 1+rng.IntN(2)
	cfg.Partitions = nodes*cfg.Readers + rng.IntN(9)
	if rng.IntN(2) == 0 {
		cfg.SegmentBytes, cfg.FrameBytes, cfg.CreditBytes = 0, 0, 0
	}
	all := openAll(t, nodes, cfg)
	partOf := owner(t, cfg.Partitions)
	rounds := 1 + rng.IntN(4)
	want := map[string][]string{}
	var mu sync.Mutex
	got := newSink()
	var wg sync.WaitGroup
	errs := make(chan error, 64)
	ctx := context.Background()
	for n, s := range all {
		for i := range cfg.Writers {
			r := rand.New(rand.NewPCG(seed, uint64(100+n*10+i)))
			wg.Go(func() { errs <- writeRandom(ctx, s.Writer(i), r, rounds, partOf, want, &mu) })
		}
		for i := range cfg.Readers {
			wg.Go(func() {
				err := readAll(ctx, s.Reader(i), func(p Piece) { got.take(n*10+i, p) })
				if err != nil {
					err = fmt.Errorf("reader %d of %d: %w", i, n, err)
				}
				errs <- err
			})
		}
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	closeAll(t, all)
	compareParts(t, got.parts, want, ordered)
	if ordered {
		checkRounds(t, got, nodes*cfg.Readers, rounds)
	}
}

// writeRandom writes rounds of random batches; in an unordered shuffle, CTIs between them.
func writeRandom(ctx context.Context, w *Writer, rng *rand.Rand, rounds int, partOf func(*Batch, int) int, want map[string][]string, mu *sync.Mutex) error {
	b := NewBuilder(testSchema)
	cti := int64(0)
	for round := 1; round <= rounds; round++ {
		for range rng.IntN(6) {
			rows := randomRows(rng, b, rng.IntN(400), func() int64 { return rng.Int64N(40) }, func() int64 { return cti + rng.Int64N(1000-cti) })
			mu.Lock()
			for i := range rows.N {
				name := fmt.Sprintf("%d/0", partOf(rows, i))
				if w.s.cfg.Ordered {
					name = fmt.Sprintf("%d/%d", partOf(rows, i), round)
				}
				// The canonical order is that of writers, then what each wrote.
				want[name] = append(want[name], fmt.Sprintf("%04d %s", w.task, describe(rows, i)))
			}
			mu.Unlock()
			if err := w.Write(ctx, rows); err != nil {
				return err
			}
		}
		cti += rng.Int64N(30)
		var err error
		switch {
		case w.s.cfg.Ordered:
			err = w.EndRound(ctx, CTI(cti))
		case rng.IntN(3) == 0:
			err = w.Idle()
			cti++
		default:
			err = w.Advance(CTI(cti))
		}
		if err != nil && !errors.Is(err, ErrLate) {
			return err
		}
		w.mu.Lock()
		idle := w.mu.idle
		w.mu.Unlock()
		if idle { // what the others have promised since is not known before it is back
			if err := w.wait(ctx, func() (bool, error) {
				w.mu.Lock()
				defer w.mu.Unlock()
				ok, err := w.ready()
				cti = max(cti, int64(w.mu.cti))
				return ok, err
			}); err != nil {
				return err
			}
		}
	}
	return w.Close()
}

func compareParts(t *testing.T, got, want map[string][]string, ordered bool) {
	t.Helper()
	for name, rows := range want {
		slices.SortStableFunc(rows, func(a, b string) int { return strings.Compare(a[:4], b[:4]) })
		for i := range rows {
			rows[i] = rows[i][5:]
		}
		compareRows(t, got[name], rows, !ordered)
		delete(got, name)
	}
	for name, rows := range got {
		t.Errorf("partition/round %s: %d rows that nobody wrote", name, len(rows))
	}
}

func checkRounds(t *testing.T, got *sink, readers, rounds int) {
	t.Helper()
	if len(got.ends) != readers {
		t.Fatalf("rounds ended at %d readers, want %d", len(got.ends), readers)
	}
	for r, ends := range got.ends {
		if len(ends) != rounds || !ends[rounds-1].EndOfRound {
			t.Errorf("reader %d saw %d rounds, want %d", r, len(ends), rounds)
		}
	}
}

// closeAll closes all processes of a test at the same time, as they end in life.
func closeAll(t *testing.T, all []*Shuffle) {
	t.Helper()
	var wg sync.WaitGroup
	for _, s := range all {
		wg.Go(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}
