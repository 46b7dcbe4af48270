package shuffle

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A reader that does not read stops the writers, in bounded memory, and nothing is lost when it goes on.
func TestSlowReaderStopsWriters(t *testing.T) {
	for _, nodes := range []int{1, 2} {
		cfg := tiny(false)
		cfg.Schema = testSchema
		all := openAll(t, nodes, cfg)
		ctx := context.Background()
		rows := rowsOf(200, 0)
		written := 0
		w := all[0].Writer(0)
		for stopped := false; !stopped; {
			n, err := w.TryWrite(rows)
			if err != nil {
				t.Fatal(err)
			}
			written += n
			if n == rows.N {
				continue
			}
			wait, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			part := rows.Slice(n, rows.N)
			err = w.Write(wait, &part) // it may have been a moment's shortage
			cancel()
			if stopped = errors.Is(err, context.DeadlineExceeded); err != nil && !stopped {
				t.Fatal(err)
			}
		}
		if st := all[0].Stats(); st.Full == 0 {
			t.Errorf("the writer was never refused: %+v", st)
		}
		for _, s := range all {
			if err := s.Writer(0).Close(); err != nil {
				t.Fatal(err)
			}
		}
		var read atomic.Int64
		var wg sync.WaitGroup
		for _, s := range all {
			wg.Go(func() {
				if err := readAll(ctx, s.Reader(0), func(p Piece) {
					if p.Rows != nil {
						read.Add(int64(p.Rows.N))
					}
				}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		closeAll(t, all)
		if want := int64(all[0].Stats().RowsWritten); read.Load() != want || want < int64(written) {
			t.Errorf("%d nodes: read %d rows, want %d, at least %d", nodes, read.Load(), want, written)
		}
	}
}

// A writer is at most RoundsAhead rounds before the readers.
func TestRoundsAhead(t *testing.T) {
	s := openAll(t, 1, tiny(true))[0]
	w, rounds := s.Writer(0), 0
	for {
		ok, err := w.TryEndRound(CTI(rounds))
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		rounds++
	}
	if rounds != 1 {
		t.Errorf("ended %d rounds that nobody read, want 1", rounds)
	}
	if n, err := w.TryWrite(rowsOf(1, 5)); n != 0 || err != nil {
		t.Errorf("wrote %d rows of the next round, %v; want none", n, err)
	}
	ctx := context.Background()
	if p, err := s.Reader(0).Next(ctx); err != nil || !p.EndOfRound || p.Round != 1 {
		t.Fatalf("got %+v, %v", p, err)
	}
	if _, ok, err := s.Reader(0).TryNext(); ok || err != nil {
		t.Fatalf("got a piece, %v; want nothing", err)
	}
	if err := w.EndRound(ctx, 1); err != nil {
		t.Fatal(err)
	}
	if err := w.Advance(7); !errors.Is(err, ErrMode) {
		t.Errorf("Advance in an ordered shuffle: %v", err)
	}
}

// The CTI is the minimum over writers that are neither idle nor closed; who comes back finds what was promised meanwhile.
func TestIdleWriters(t *testing.T) {
	cfg := tiny(false)
	cfg.Writers = 2
	s := openAll(t, 1, cfg)[0]
	a, b, r, ctx := s.Writer(0), s.Writer(1), s.Reader(0), context.Background()
	next := func(want CTI) {
		t.Helper()
		for {
			p, err := r.Next(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if p.Rows == nil && p.CTI == want {
				return
			}
			if p.CTI > want {
				t.Fatalf("CTI %d, want %d", p.CTI, want)
			}
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(a.Advance(10))
	must(b.Advance(100))
	next(10)
	must(a.Idle())
	next(100)
	// a comes back: its rows may not be below 100.
	if err := a.Write(ctx, rowsOf(3, 50)); !errors.Is(err, ErrLate) {
		t.Errorf("rows below what was promised: %v", err)
	}
	must(a.Write(ctx, rowsOf(3, 100)))
	must(b.Advance(200))
	must(a.Advance(150))
	next(150)
	if err := a.Advance(149); !errors.Is(err, ErrLate) {
		t.Errorf("a promise that falls: %v", err)
	}
	must(a.Close())
	next(200)
	must(b.Close())
	if _, err := r.Next(ctx); err != io.EOF {
		t.Errorf("got %v, want the end", err)
	}
	if err := b.Write(ctx, rowsOf(1, 300)); !errors.Is(err, ErrWriterClosed) {
		t.Errorf("a row after the end: %v", err)
	}
}

// Whoever waits is told when the context ends, or the shuffle is closed; rows on loan outlive it.
func TestEndsOfWaiting(t *testing.T) {
	checkLeaks(t)
	ctx, cancel := context.WithCancel(context.Background())
	s, err := Open(ctx, tiny(false))
	if err != nil {
		t.Fatal(err)
	}
	short, stop := context.WithCancel(context.Background())
	stop()
	if _, err := s.Reader(0).Next(short); !errors.Is(err, context.Canceled) {
		t.Errorf("reader: %v", err)
	}
	if err := s.Writer(0).Write(ctx, rowsOf(100, 1)); err != nil {
		t.Fatal(err)
	}
	p, err := s.Reader(0).Next(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	<-s.failed
	if _, err := s.Writer(0).TryWrite(rowsOf(1, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("writer: %v", err)
	}
	if err := s.Close(); !errors.Is(err, context.Canceled) {
		t.Errorf("close: %v", err)
	}
	for i, vs := range p.Rows.Vs {
		if vs != 1 {
			t.Fatalf("row %d: vs %d after Close, want 1", i, vs)
		}
	}
	s.Reader(0).Ack()
	if err := s.Close(); !errors.Is(err, context.Canceled) {
		t.Errorf("second close: %v", err)
	}
}

func TestRowsTooLarge(t *testing.T) {
	s := openAll(t, 1, tiny(false))[0]
	b := NewBuilder(testSchema)
	b.AppendTime(0, 0, 0)
	b.Cols[0].AppendInt64(1)
	b.Cols[1].AppendBytes(make([]byte, 2000))
	b.Cols[1].SetValid(true)
	b.Cols[2].AppendBool(true)
	b.Cols[3].AppendInt64(1)
	if err := s.Writer(0).Write(context.Background(), b.View()); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	other := NewBuilder(&Schema{})
	other.AppendTime(1, 0, 0)
	if err := s.Writer(0).Write(context.Background(), other.View()); err == nil {
		t.Error("took rows of another schema")
	}
	if err := s.Writer(0).Write(context.Background(), rowsOf(5, 0)); err != nil {
		t.Errorf("the writer does not go on: %v", err)
	}
}

// A writer that has closed holds back neither the rounds nor the CTI of the others.
func TestRoundsAfterAWriterEnded(t *testing.T) {
	cfg := tiny(true)
	cfg.Writers, cfg.RoundsAhead = 2, 9
	s := openAll(t, 1, cfg)[0]
	ctx := context.Background()
	for round, w := range []*Writer{s.Writer(0), s.Writer(1), s.Writer(1)} {
		if err := w.EndRound(ctx, CTI(10*round)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Writer(0).Write(ctx, rowsOf(1, 0)); err != nil { // a second round, ended by Close
		t.Fatal(err)
	}
	for i := range 2 {
		if err := s.Writer(i).Close(); err != nil {
			t.Fatal(err)
		}
	}
	var ends []CTI
	if err := readAll(ctx, s.Reader(0), func(p Piece) {
		if p.EndOfRound {
			ends = append(ends, p.CTI)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(ends, []CTI{0, 0}) {
		t.Errorf("rounds ended with CTIs %v, want 0 and 0", ends)
	}
}
