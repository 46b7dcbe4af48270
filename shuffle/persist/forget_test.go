package persist

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// stuck is a store that removes nothing while it is told so.
type stuck struct {
	*memory
	stuck bool
}

func (s *stuck) Delete(name string) error {
	if s.stuck {
		return errFaulty
	}
	return s.memory.Delete(name)
}

// TestOldObjectsAreRemoved: what is older than the policy keeps it goes, oldest first, if nobody will compare with it again; never the newest. What is left is whole, and
// another life goes on with it.
func TestOldObjectsAreRemoved(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 6))
	store := &stuck{memory: newMemory()}
	w := newWorld(t, 6, store)
	w.object, w.ticks = 1, 40
	w.edges[0].Policy.For = time.Hour
	clock := time.Unix(1_000_000, 0)
	w.now = func() time.Time { return clock }
	l := w.life(1, 0)
	idle := func(d time.Duration) {
		t.Helper()
		clock = clock.Add(d)
		for end := l.now + int64(d) + 2e9; l.now < end; {
			if err := l.persist(rng); err != nil {
				t.Fatal(err)
			}
		}
	}
	for l.PersistedTo(0) < w.ticks/2 {
		l.emit(rng)
		if err := l.persist(rng); err != nil {
			t.Fatal(err)
		}
	}
	idle(20 * time.Second)
	wrote, half := len(store.objects), w.ticks/4
	oldest := func() frame.Tick {
		t.Helper()
		names, err := store.List("job-")
		if err != nil || len(names) == 0 {
			t.Fatalf("%d objects, %v", len(names), err)
		}
		p, _ := parseName(names[0])
		return p.first
	}
	idle(2 * time.Hour)
	if oldest() != 1 || len(store.objects) != wrote {
		t.Fatalf("of %d objects %d are left, though all may be compared with", wrote, len(store.objects))
	}
	l.p.Need(0, half)
	l.p.Need(0, 1) // late
	warned := l.warned
	store.stuck = true
	idle(time.Hour)
	if oldest() != 1 || l.warned != warned+1 {
		t.Errorf("a store that removes nothing: the oldest begins with tick %d, told %d times, want once", oldest(), l.warned-warned)
	}
	store.stuck = false
	idle(time.Hour)
	if got := oldest(); got <= half/2 || got > half+1 {
		t.Errorf("the oldest object begins with tick %d, want one about %d, behind which nobody restarts", got, half)
	}
	checkRemoved(t, store, oldest()-1)

	l.close()
	l = w.life(2, half)
	for l.PersistedTo(0) < frame.MaxTick {
		l.emit(rng)
		if err := l.persist(rng); err != nil {
			t.Fatal(err)
		}
	}
	l.p.Need(0, frame.MaxTick)
	idle(50 * time.Minute)
	if got := oldest(); got <= half/2 || got > w.ticks {
		t.Errorf("the oldest object begins with tick %d of %d, though none is left that is older than an hour, and the others were written 50 minutes ago", got, w.ticks)
	}
	idle(2 * time.Hour)
	if len(store.objects) != 1 {
		t.Errorf("%d objects are left, want the newest", len(store.objects))
	}
	checkRemoved(t, store, oldest()-1)
}

// checkRemoved checks that a stream is whole but for its first ticks, which are said to be removed.
func checkRemoved(t *testing.T, store *stuck, to frame.Tick) {
	t.Helper()
	all, err := Open(store, testJob)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d streams, %v", len(all), err)
	}
	reports, err := all[0].Check()
	if err != nil || reports[0].Removed == nil || *reports[0].Removed != (Range{1, to}) || len(reports[0].Missing) > 0 {
		t.Errorf("%+v, %v; want ticks up to %d removed", reports, err, to)
	}
	none := func(*Rows) error { return nil }
	if err := all[0].Read(to+1, all[0].Through(), none); err != nil {
		t.Error(err)
	}
	if err := all[0].Read(to, to, none); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "its objects begin with tick") {
		t.Errorf("a tick that was removed: %v", err)
	}
	names, err := store.List("job-")
	if err != nil || len(names) < 3 {
		return
	}
	middle := names[len(names)/2]
	content := store.objects[middle]
	delete(store.objects, middle)
	defer func() { store.objects[middle] = slices.Clone(content) }()
	if all, err = Open(store, testJob); err == nil {
		_, err = all[0].Check()
	}
	if !errors.Is(err, ErrMissing) {
		t.Errorf("an object in the middle is gone: %v", err)
	}
}
