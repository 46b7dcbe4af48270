package persist

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/state/snapshot"
)

// finished is a world of which everything is persisted, in memory.
func finished(t *testing.T, seed uint64, object int64) (*world, *memory) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 4))
	m := newMemory()
	w := newWorld(t, seed, m)
	w.object = object
	w.life(1, 0).finish(rng)
	return w, m
}

// finish emits and persists everything.
func (l *life) finish(rng *rand.Rand) {
	for steps := 0; l.PersistedTo(0) < frame.MaxTick; steps++ {
		if steps > 200_000 {
			l.w.t.Fatalf("no end: %+v", l.p.streams[0].stat())
		}
		l.emit(rng)
		if err := l.persist(rng); err != nil {
			l.w.t.Fatal(err)
		}
	}
}

// TestCrashAtEveryCall ends a life at each call of the store, before or after it was done: the next one continues the stream, and nothing is there twice,
// or missing.
func TestCrashAtEveryCall(t *testing.T) {
	for at := 1; ; at++ {
		done := true
		for range 2 {
			done = !done
			rng := rand.New(rand.NewPCG(8, 4))
			m := newMemory()
			w := newWorld(t, 8, m)
			w.object = 3000
			m.crashAt, m.done = at, done
			first := w.life(1, 0)
			for first.PersistedTo(0) < frame.MaxTick && m.calls < at {
				first.emit(rng)
				if err := first.persist(rng); err != nil {
					t.Fatal(err)
				}
			}
			if m.calls < at {
				if at < 4 {
					t.Fatalf("there are %d calls, too few to mean anything", m.calls)
				}
				return
			}
			first.close()
			m.crashAt = 0
			w.life(2, min(first.PersistedTo(0), w.ticks)).finish(rng)
			w.check(frame.MaxTick)
		}
	}
}

// TestDamageIsFound flips every bit of some bytes, and cuts objects off: a check names the object.
func TestDamageIsFound(t *testing.T) {
	const seed = 9
	w, m := finished(t, seed, 3000)
	rng := rand.New(rand.NewPCG(seed, 5))
	names := slices.Sorted(maps.Keys(m.objects))
	for range 300 {
		name := names[rng.IntN(len(names))]
		good := m.objects[name]
		bad := slices.Clone(good)
		if at := rng.IntN(len(bad)); rng.IntN(4) == 0 {
			bad = bad[:at]
		} else {
			bad[at] ^= 1 << rng.IntN(8)
		}
		m.objects[name] = bad
		streams, err := Open(m, testJob)
		if err != nil {
			t.Fatal(err)
		}
		_, err = streams[0].Check()
		readErr := streams[0].Read(1, frame.MaxTick, func(*Rows) error { return nil })
		if !errors.Is(err, snapshot.ErrDamaged) || !bytes.Contains([]byte(err.Error()), []byte(name)) || readErr == nil {
			t.Fatalf("seed %d: %s was damaged: check: %v; read: %v", seed, name, err, readErr)
		}
		m.objects[name] = good
	}
	w.check(frame.MaxTick)
}

// TestOtherVersionIsRefused: a life that finds an object of another version ends, and does not try for ever.
func TestOtherVersionIsRefused(t *testing.T) {
	w, m := finished(t, 9, 3000)
	newest := slices.Max(slices.Collect(maps.Keys(m.objects)))
	b := slices.Clone(m.objects[newest])
	binary.LittleEndian.PutUint16(b[8:], version+1)
	binary.LittleEndian.PutUint64(b[56:], xxhash.Sum64(b[:56]))
	m.objects[newest] = b
	if err := w.life(2, 0).persist(rand.New(rand.NewPCG(9, 5))); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%s: version %d, want %d", newest, version+1, version)) {
		t.Errorf("got %v", err)
	}
}

// TestNewestIsDamaged: a life that cannot read where its stream goes on ends, and says what to do; that helps.
func TestNewestIsDamaged(t *testing.T) {
	w, m := finished(t, 9, 3000)
	newest := slices.Max(slices.Collect(maps.Keys(m.objects)))
	m.objects[newest] = m.objects[newest][:100]
	rng := rand.New(rand.NewPCG(9, 6))
	if err := w.life(2, 0).persist(rng); !errors.Is(err, snapshot.ErrDamaged) || !strings.Contains(err.Error(), newest) || !strings.Contains(err.Error(), "move it out of the store") {
		t.Fatalf("got %v", err)
	}
	delete(m.objects, newest)
	w.life(3, 0).finish(rng)
	w.check(frame.MaxTick)
}

// TestMissingIsFound removes an object, in the middle, or the last.
func TestMissingIsFound(t *testing.T) {
	_, m := finished(t, 9, 1)
	names := slices.Sorted(maps.Keys(m.objects))
	if len(names) < 3 {
		t.Fatalf("%d objects, want more", len(names))
	}
	for i, name := range names {
		good := m.objects[name]
		delete(m.objects, name)
		streams, err := Open(m, testJob)
		if err != nil {
			t.Fatal(err)
		}
		_, err = streams[0].Check()
		if last := i == len(names)-1; last && (err != nil || streams[0].Ended()) || !last && !errors.Is(err, ErrMissing) {
			t.Errorf("object %d of %d is gone: %v, ended: %v", i, len(names), err, streams[0].Ended())
		}
		if err := streams[0].Read(1, frame.MaxTick, func(*Rows) error { return nil }); !errors.Is(err, ErrMissing) {
			t.Errorf("object %d of %d is gone: read: %v", i, len(names), err)
		}
		m.objects[name] = good
	}
}

// FuzzObject: whatever bytes are read as an object, no reader panics, and what passes is within the object.
func FuzzObject(f *testing.F) {
	for seed := range uint64(4) {
		rng := rand.New(rand.NewPCG(seed, 4))
		m := newMemory()
		w := newWorld(f, seed, m)
		w.object = 2000
		w.life(1, 0).finish(rng)
		for _, b := range m.objects {
			if len(b) < 16<<10 {
				f.Add(b)
			}
		}
	}
	edge := newWorld(f, 0, nil).edges[0]
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := readObject(memoryObject{bytes.NewReader(b)})
		if err != nil {
			return
		}
		_, _ = decodeAbout(o.about)
		for i := range o.entries {
			e := &o.entries[i]
			if e.offset+e.bytes > uint64(len(b)) {
				t.Fatalf("an entry at %d of %d bytes, in %d", e.offset, e.bytes, len(b))
			}
			frames, err := o.frames(e)
			if err != nil {
				continue
			}
			for _, f := range frames {
				if _, err := frame.ParseClose(frame.DecodeHeader(f), f, nil); err == nil {
					continue
				}
				_, _ = contentOf(&edge, f)
			}
		}
	})
}
