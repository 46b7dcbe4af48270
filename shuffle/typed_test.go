package shuffle

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"
)

type moment struct {
	At  int64 `shuffle:"time"`
	Key int64 `shuffle:"key"`
}

func openMoments(t *testing.T, ordered bool, writers int, flushEvery time.Duration) (s *Of[moment], next func() ([]moment, Piece)) {
	t.Helper()
	checkLeaks(t)
	cfg := tiny(ordered)
	cfg.Schema, cfg.Keys, cfg.Writers, cfg.FlushEvery, cfg.RoundsAhead, cfg.MemoryBytes = nil, nil, writers, flushEvery, 4, 4<<20
	s, err := OpenOf[moment](context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	r := s.Reader(0)
	return s, func() (rows []moment, p Piece) {
		t.Helper()
		p, err := r.Next(context.Background())
		if err != nil && err != io.EOF {
			t.Fatal(err)
		}
		for row := range r.Rows(p) {
			rows = append(rows, row)
		}
		return rows, p
	}
}

// toTheEnd reads what is left, so that no memory stays on loan.
func toTheEnd(next func() ([]moment, Piece)) {
	for {
		if _, p := next(); p == (Piece{}) {
			return
		}
	}
}

// What is written one by one waits for nothing after Flush.
func TestTypedWriterFlushes(t *testing.T) {
	s, next := openMoments(t, false, 1, time.Hour)
	w := s.Writer(0)
	for i := range int64(2) {
		if ok, err := w.TryWrite(moment{i, i}); !ok || err != nil {
			t.Fatalf("an empty shuffle does not take a row: %v", err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	for seen := 0; seen < 2; {
		rows, _ := next()
		seen += len(rows)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	toTheEnd(next)
}

// What is written one by one stands before the promises that follow it, and is refused when nobody reads.
func TestTypedWriterUnordered(t *testing.T) {
	s, next := openMoments(t, false, 2, time.Millisecond)
	a, b := s.Writer(0), s.Writer(1)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	try := func(v moment) bool {
		t.Helper()
		ok, err := a.TryWrite(v)
		must(err)
		return ok
	}
	read := func(want int, cti CTI) {
		t.Helper()
		for got := 0; ; {
			rows, p := next()
			if got += len(rows); len(rows) == 0 && p.CTI == cti {
				if got != want {
					t.Fatalf("%d rows before CTI %d, want %d", got, cti, want)
				}
				return
			}
			if len(rows) == 0 && p.CTI > cti {
				t.Fatalf("CTI %d, want %d", p.CTI, cti)
			}
		}
	}
	must(a.Write(moment{12, 3}))
	must(a.Advance(20))
	must(b.Advance(100))
	read(1, 20)
	if _, err := a.TryWrite(moment{19, 4}); !errors.Is(err, ErrLate) {
		t.Errorf("a row below the promise: %v", err)
	}
	if err := a.Advance(19); !errors.Is(err, ErrLate) {
		t.Errorf("a promise that falls: %v", err)
	}
	must(a.Write(moment{20, 5}))
	must(a.Idle())
	read(1, 100)
	written := 0
	for try(moment{200, int64(written)}) {
		if written++; written > 1<<20 {
			t.Fatal("a shuffle that nobody reads takes a million rows")
		}
	}
	must(b.Close())
	for got := 0; got < written; {
		rows, p := next()
		if got += len(rows); p == (Piece{}) {
			t.Fatalf("the end after %d rows, want %d", got, written)
		}
	}
	must(a.Close())
	must(a.Close()) // again
	toTheEnd(next)
	if _, err := a.TryWrite(moment{300, 1}); !errors.Is(err, ErrWriterClosed) {
		t.Errorf("a row after the end: %v", err)
	}
}

// Rounds of rows that are written one by one hold exactly those.
func TestTypedWriterEndsRounds(t *testing.T) {
	s, next := openMoments(t, true, 1, time.Hour)
	w := s.Writer(0)
	for round := range uint64(3) {
		want := int64(10 * round)
		for i := range want {
			if err := w.Write(moment{int64(round), i}); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.EndRound(CTI(round)); err != nil {
			t.Fatal(err)
		}
		got := int64(0)
		for {
			rows, p := next()
			for _, v := range rows {
				if v != (moment{int64(round), got}) {
					t.Fatalf("round %d, row %d: got %+v", round, got, v)
				}
				got++
			}
			if p.EndOfRound {
				if p.CTI != CTI(round) {
					t.Errorf("round %d ends with CTI %d", round, p.CTI)
				}
				break
			}
		}
		if got != want {
			t.Errorf("round %d: %d rows, want %d", round, got, want)
		}
	}
	if err := w.EndRound(1); !errors.Is(err, ErrLate) {
		t.Errorf("a promise that falls: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	toTheEnd(next)
}
