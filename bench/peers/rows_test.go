package main

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/streamscope/streamscope/bench/rows"
)

// made is the first n rows of a stream, in order.
func made(stream rows.Stream, n int) []Row {
	c := columnsIn(make([]int64, 4*n), n)
	c.fill(stream, 0)
	out := make([]Row, n)
	for i := range out {
		out[i] = Row{c.key[i], c.vs[i], c.ve[i], c.value[i]}
	}
	return out
}

// ofTask keeps the rows of one task.
func ofTask(all []Row, task int) (out []Row) {
	for _, r := range all {
		if taskOf(r.Key) == uint64(task) {
			out = append(out, r)
		}
	}
	return out
}

func TestSpreadGivesEachTaskItsRowsInOrder(t *testing.T) {
	for _, size := range []int{1, 3, 256, 5000} {
		s := newSpread(7, size)
		var got [tasks][]Row
		short := 0
		s.send = func(task int, p *packet) (*packet, error) {
			if len(p.rows) == 0 || len(p.rows) > size {
				t.Fatalf("packet of %d rows, want 1 to %d", len(p.rows), size)
			}
			if len(p.rows) < size {
				short++
			}
			got[task] = append(got[task], p.rows...)
			return newPacket(size), nil
		}
		if err := s.run(time.Time{}); err != nil {
			t.Fatal(err)
		}
		all := made(7, int(s.made))
		for task := range got {
			if want := ofTask(all, task); !slices.Equal(got[task], want) {
				t.Fatalf("packets of %d, task %d: got %d rows, want %d, or in another order", size, task, len(got[task]), len(want))
			}
		}
		if short > tasks {
			t.Errorf("packets of %d: %d are not full, want at most one for each of %d tasks", size, short, tasks)
		}
	}
}

func TestSpreadStopsAtAnError(t *testing.T) {
	s := newSpread(0, 10)
	failure := errors.New("the link broke")
	s.send = func(int, *packet) (*packet, error) { return nil, failure }
	if err := s.run(time.Now().Add(time.Hour)); !errors.Is(err, failure) {
		t.Errorf("got %v, want %v", err, failure)
	}
}

func TestSumsOfRowsAndBytes(t *testing.T) {
	for _, n := range []int{0, 1, 2, 999} {
		all := made(3, n)
		var got, fromBytes rows.Sums
		addRows(&got, all)
		if err := got.Check(rows.Stream(3).Want(uint64(n))); err != nil {
			t.Error(err)
		}
		b := append([]byte{0}, bytesOf(all)...)[1:] // not aligned
		if err := addBytes(&fromBytes, b); err != nil || fromBytes != got {
			t.Errorf("%d rows: got %+v, %v from bytes, want %+v", n, fromBytes, err, got)
		}
	}
	if err := addBytes(new(rows.Sums), make([]byte, 33)); err == nil {
		t.Error("33 bytes were taken for rows")
	}
}

func TestBlocksAreSortedByTask(t *testing.T) {
	for _, size := range []int{1, 2, 65, 4000} {
		s := newSorter(5, size)
		out := columnsIn(make([]int64, 4*size), size)
		var sums rows.Sums
		var got [tasks][]Row
		for range 3 {
			n := s.next(out)
			at := 0
			for task, of := range n {
				for range of {
					got[task] = append(got[task], Row{out.key[at], out.vs[at], out.ve[at], out.value[at]})
					at++
				}
			}
			if err := addBlock(&sums, out, &n); err != nil {
				t.Fatal(err)
			}
		}
		all := made(5, 3*size)
		for task := range got {
			if want := ofTask(all, task); !slices.Equal(got[task], want) {
				t.Fatalf("blocks of %d, task %d: got %v, want %v", size, task, got[task], want)
			}
		}
		if err := sums.Check(rows.Stream(5).Want(uint64(3 * size))); err != nil {
			t.Error(err)
		}
	}
}

func TestBlocksWithWrongCountsAreRefused(t *testing.T) {
	s := newSorter(0, 100)
	out := columnsIn(make([]int64, 400), 100)
	right := s.next(out)
	for name, change := range map[string]uint32{"one more": 1, "one less": ^uint32(0), "far more": 1 << 31} {
		n := right
		n[slices.IndexFunc(n[:], func(c uint32) bool { return c > 0 })] += change
		if err := addBlock(new(rows.Sums), out, &n); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
