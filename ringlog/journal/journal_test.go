package journal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/streamscope/streamscope/ringlog/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func randomRecord(rng *rand.Rand, tick frame.Tick) Record {
	r := Record{Task: frame.TaskID(rng.IntN(4)), First: tick, Last: tick + frame.Tick(rng.IntN(3)), CTI: frame.CTI(rng.Int64()) - 1<<62, Runs: []Run{}}
	if rng.IntN(3) == 0 {
		return randomInput(rng, r)
	}
	for range rng.IntN(4) {
		r.Add(rng.Uint32N(5), 1+rng.IntN(1000))
	}
	return r
}

// randomInput makes the record one of input, now and then of bytes that look like a record.
func randomInput(rng *rand.Rand, r Record) Record {
	b := make([]byte, rng.IntN(80))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	if rng.IntN(4) == 0 {
		b = appendRecord(b, rng.Uint64N(100), &Record{Task: 1, First: 1, Last: 1, Runs: []Run{{1, 1}}})
	}
	r.Last, r.Runs, r.Input = r.First, nil, NewInput(rng.Uint32N(5), rng.Uint64N(1000), b)
	r.Input.More, r.Input.End = rng.IntN(2) == 0, rng.IntN(2) == 0
	return r
}

// life opens a journal whose durable records can be waited for.
type life struct {
	*Journal
	changed chan struct{}
}

func mustOpen(t *testing.T, dir string, incarnation frame.Incarnation, segmentBytes int64) (life, []Record) {
	t.Helper()
	l := life{changed: make(chan struct{}, 1)}
	var err error
	var records []Record
	l.Journal, records, err = Open(Config{Dir: dir, Job: 7, Stage: 3, Node: 2, Incarnation: incarnation, SegmentBytes: segmentBytes, Changed: l.notify})
	if err != nil {
		t.Fatal(err)
	}
	return l, records
}

func (l life) notify() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

func (l life) await(t *testing.T, number uint64) {
	t.Helper()
	patience := time.After(20 * time.Second)
	for l.Durable() < number {
		select {
		case <-l.changed:
		case <-patience:
			t.Fatalf("record %d is not durable: %d are", number, l.Durable())
		}
	}
}

func same(got, want []Record) error {
	got = slices.Clone(got)
	if len(got) != len(want) {
		return fmt.Errorf("got %d records, want %d", len(got), len(want))
	}
	for i := range got {
		if n := got[0].Number + uint64(i); got[i].Number != n {
			return fmt.Errorf("record %d: number %d, want %d", i+1, got[i].Number, n)
		}
	}
	for i := range got {
		if in := got[i].Input; in != nil {
			b, err := in.Load()
			if err != nil {
				return fmt.Errorf("record %d: %w", i+1, err)
			}
			got[i].Input = NewInput(in.Split, in.At, b)
			got[i].Input.More, got[i].Input.End = in.More, in.End
		}
		if got[i].Number = want[i].Number; !reflect.DeepEqual(got[i], want[i]) {
			return fmt.Errorf("record %d: got %+v, want %+v", i+1, got[i], want[i])
		}
	}
	return nil
}

// TestLives writes through many lives, trims now and then, and wants everything above the trim back.
func TestLives(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		dir := filepath.Join(t.TempDir(), "deep", "journal")
		var want []Record
		tick, trim := frame.Tick(1), frame.Tick(0)
		for inc := frame.Incarnation(1); inc < 8; inc++ {
			l, got := mustOpen(t, dir, inc, 300)
			// What a trim left is a tail of what was written, and reaches down to it.
			if len(got) > len(want) {
				t.Fatalf("seed %d: %d records, %d were written", seed, len(got), len(want))
			}
			if err := same(got, want[len(want)-len(got):]); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if n := len(want) - len(got); n > 0 && want[n-1].Last > trim {
				t.Fatalf("seed %d: ticks up to %d are gone, trimmed were those up to %d", seed, want[n-1].Last, trim)
			}
			for range rng.IntN(40) {
				r := randomRecord(rng, tick)
				tick = r.Last + 1
				n, err := l.Append(r)
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, r)
				if n != uint64(len(want)) {
					t.Fatalf("seed %d: record %d has number %d", seed, len(want), n)
				}
				if rng.IntN(10) == 0 {
					l.await(t, n)
					trim = max(trim, tick-min(tick, frame.Tick(rng.IntN(20))))
					l.Trim(trim)
				}
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if err := Inspect(dir, &strings.Builder{}); err != nil {
				t.Fatal(err)
			}
			if err := l.asFiles(dir); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		if files, err := list(dir); err != nil || len(files) > 60 {
			t.Errorf("seed %d: %d segments, %v: trimming removes nothing", seed, len(files), err)
		}
	}
}

// asFiles compares what a closed journal says of itself with what lies in its folder.
// Numbers go on where the newest segment begins, even if it has no record and all that were before it are trimmed.
func TestNumbersGoOnAfterAnEmptySegment(t *testing.T) {
	dir := t.TempDir()
	record := Record{Task: 1, First: 5, Last: 5, Runs: []Run{}}
	for i := range frame.Incarnation(3) {
		l, _ := mustOpen(t, dir, i+1, 0)
		if i != 1 {
			number, err := l.Append(record)
			if err != nil || number != 1+uint64(i)/2 {
				t.Fatalf("life %d: record %d, %v", i+1, number, err)
			}
			l.await(t, number)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if i == 1 { // as Trim does it
			if err := os.Remove(filepath.Join(dir, name(1))); err != nil {
				t.Fatal(err)
			}
		}
	}
	l, records := mustOpen(t, dir, 4, 0)
	if err := same(records, []Record{record}); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func (l life) asFiles(dir string) error {
	var want Stats
	segments, err := scan(dir, func(_ *segment, _ uint64, r Record) {
		if want.Records == 0 || r.First < want.First {
			want.First = r.First
		}
		want.Records, want.Last = want.Records+1, max(want.Last, r.Last)
	})
	for _, s := range segments {
		want.Bytes += uint64(s.valid)
	}
	if got := l.Stats(); err == nil && got != want {
		err = fmt.Errorf("says %+v, the files %+v", got, want)
	}
	return err
}

// written makes a journal of two lives and returns its folder and records.
func written(t *testing.T) (string, []Record) {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, 5))
	dir := t.TempDir()
	var want []Record
	for inc := frame.Incarnation(1); inc < 3; inc++ {
		l, _ := mustOpen(t, dir, inc, 1<<20)
		for range 5 {
			r := randomRecord(rng, frame.Tick(10*len(want)+1))
			want = append(want, r)
			if _, err := l.Append(r); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return dir, want
}

// TestTornAnywhere cuts the newest segment at every byte: what was whole before the cut is there, and nothing else.
func TestTornAnywhere(t *testing.T) {
	dir, want := written(t)
	path := filepath.Join(dir, name(2))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) {
		if err := os.WriteFile(path, whole[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		var got []Record
		if _, err := scan(dir, func(_ *segment, _ uint64, r Record) { got = append(got, r) }); err != nil {
			t.Fatalf("cut at %d: %v", n, err)
		}
		if err := same(got, want[:len(got)]); err != nil || len(got) < 5 || (len(got) == 10) {
			t.Fatalf("cut at %d of %d: %d records, %v", n, len(whole), len(got), err)
		}
	}
}

// TestDamageAnywhere flips every bit of both segments: it is an error, or, at the end of the newest, the end.
func TestDamageAnywhere(t *testing.T) {
	dir, want := written(t)
	for seq := uint64(1); seq <= 2; seq++ {
		path := filepath.Join(dir, name(seq))
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(whole) {
			b := append([]byte(nil), whole...)
			b[i] ^= 1 << (i % 8)
			if err := os.WriteFile(path, b, 0o644); err != nil {
				t.Fatal(err)
			}
			var got []Record
			_, err := scan(dir, func(_ *segment, _ uint64, r Record) { got = append(got, r) })
			if err == nil && (seq != 2 || len(got) != 9) {
				t.Fatalf("segment %d with byte %d flipped: %d records and no error", seq, i, len(got))
			}
			if serr := same(got, want[:len(got)]); serr != nil {
				t.Fatalf("segment %d with byte %d flipped: %v", seq, i, serr)
			}
			if err != nil && !strings.Contains(err.Error(), dir) {
				t.Fatalf("the error does not name the place: %v", err)
			}
		}
		if err := os.WriteFile(path, whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestZombie: what a dead life writes once another has begun is never read.
func TestZombie(t *testing.T) {
	dir := t.TempDir()
	old, _ := mustOpen(t, dir, 1, 1<<20)
	n, err := old.Append(Record{First: 1, Last: 1, Runs: []Run{}})
	if err != nil {
		t.Fatal(err)
	}
	old.await(t, n)
	young, records := mustOpen(t, dir, 2, 1<<20)
	if len(records) != 1 {
		t.Fatalf("%d records, want 1", len(records))
	}
	if n, err = old.Append(Record{First: 2, Last: 2, CTI: 666, Runs: []Run{}}); err != nil {
		t.Fatal(err)
	}
	old.await(t, n)
	if _, err := young.Append(Record{First: 2, Last: 2, CTI: 5, Runs: []Run{}}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(old.Close(), young.Close()); err != nil {
		t.Fatal(err)
	}
	last, records := mustOpen(t, dir, 3, 1<<20)
	if err := same(records, []Record{{First: 1, Last: 1, Runs: []Run{}}, {First: 2, Last: 2, CTI: 5, Runs: []Run{}}}); err != nil {
		t.Error(err)
	}
	if err := last.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(Config{Dir: dir, Job: 7, Stage: 3, Node: 2, Incarnation: 2}); err == nil || !strings.Contains(err.Error(), "a newer life") {
		t.Errorf("an older life got %v", err)
	}
	if _, _, err := Open(Config{Dir: dir, Job: 8, Stage: 3, Node: 2, Incarnation: 4}); err == nil || !strings.Contains(err.Error(), "want job 0x8") {
		t.Errorf("another job got %v", err)
	}
}

// failing fails writes and syncs while told to, after a part of the bytes.
type failing struct {
	*os.File
	left *int // operations that fail
}

func (f failing) Write(b []byte) (int, error) {
	if *f.left > 0 {
		*f.left--
		n, _ := f.File.Write(b[:len(b)/2])
		return n, syscall.ENOSPC
	}
	return f.File.Write(b)
}

func (f failing) Sync() error {
	if *f.left > 0 {
		*f.left--
		return syscall.EIO
	}
	return f.File.Sync()
}

// TestFullDisk: what a disk does not take is not acknowledged, and written once it can be.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	left := 0
	warned := make(chan error, 100)
	l := life{changed: make(chan struct{}, 1)}
	var err error
	l.Journal, _, err = open(Config{Dir: dir, Job: 7, Changed: l.notify, Warn: func(err error) { warned <- err }}, func(path string) (file, error) {
		f, err := os.Create(path)
		return failing{f, &left}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	var want []Record
	for i := range 6 {
		r := Record{First: frame.Tick(i + 1), Last: frame.Tick(i + 1), Runs: []Run{{1, 2}}}
		want = append(want, r)
		// The goroutine that writes sleeps until Append wakes it: left is its alone from then on.
		left = i % 3
		n, err := l.Append(r)
		if err != nil {
			t.Fatal(err)
		}
		l.await(t, n)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(warned); n != 6 || !strings.Contains((<-warned).Error(), dir) {
		t.Errorf("%d warnings, want one for each of 6 failures, with the place", n)
	}
	var got []Record
	if _, err := scan(dir, func(_ *segment, _ uint64, r Record) { got = append(got, r) }); err != nil {
		t.Fatal(err)
	}
	if err := same(got, want); err != nil {
		t.Error(err)
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add(appendRecord(nil, 3, &Record{Task: 1, First: 2, Last: 4, CTI: -5, Runs: []Run{{0, 7}, {1, 8}}}), uint64(3))
	f.Fuzz(func(t *testing.T, b []byte, number uint64) {
		r, n, err := parseRecord(b, number)
		if err != nil {
			return
		}
		if got := appendRecord(nil, number, &r); string(got) != string(b[:n]) {
			t.Errorf("%x reads as %+v, which is written as %x", b[:n], r, got)
		}
	})
}
