package persist

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/state/snapshot"
)

// leaving is a store that does not answer while it is away.
type leaving struct {
	*memory
	away bool
}

func (s *leaving) Create(name string, write func(io.Writer) error) error {
	if s.away {
		return fmt.Errorf("%w: nobody there", snapshot.ErrUnavailable)
	}
	return s.memory.Create(name, write)
}

// TestStoreThatIsGoneAtTheEnd: a store that fails ends nothing while there is something to do, nor as long as it comes back; what only waits for it does so for a bounded time,
// and says how far it came. The next life goes on from there.
func TestStoreThatIsGoneAtTheEnd(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	store := &leaving{memory: newMemory()}
	w := newWorld(t, 5, store)
	w.object = 1
	l := w.life(1, 0)
	for l.PersistedTo(0) == 0 {
		l.emit(rng)
		if err := l.persist(rng); err != nil {
			t.Fatal(err)
		}
	}
	store.away = true
	for begun := l.now; l.now-begun < 2*int64(EndPatience); {
		if err := l.persist(rng); err != nil {
			t.Fatalf("before all was sent: %v", err)
		}
	}
	for !l.emitted() || l.p.streams[0].whole < frame.MaxTick {
		l.emit(rng)
		if err := l.p.take(); err != nil {
			t.Fatal(err)
		}
		l.p.streams[0].close()
	}
	waits := func() (ns int64, err error) {
		begun := int64(0)
		for range 10_000 {
			if err = l.persist(rng); err != nil {
				break
			}
			if begun == 0 && l.p.endNs != 0 {
				begun = l.now
			}
			if begun != 0 && l.now-begun > int64(EndPatience)/2 && l.PersistedTo(0) < w.ticks/2 {
				store.away = false // for one object
				for before := l.PersistedTo(0); l.PersistedTo(0) == before; {
					if err := l.persist(rng); err != nil {
						t.Fatal(err)
					}
				}
				store.away, begun = true, 0
			}
		}
		return l.now - begun, err
	}
	ns, err := waits()
	through := l.PersistedTo(0)
	if !errors.Is(err, ErrStoreGone) || !errors.Is(err, snapshot.ErrUnavailable) || !strings.Contains(err.Error(), fmt.Sprintf("only up to tick %d,", through)) || through < w.ticks/2 {
		t.Fatalf("persisted up to tick %d of %d: %v", through, w.ticks, err)
	}
	if ns < int64(EndPatience) || ns > int64(EndPatience)+20e9 {
		t.Errorf("it took %d ns, want %v", ns, EndPatience)
	}
	l.close()
	store.away = false
	l = w.life(2, through)
	for l.PersistedTo(0) < frame.MaxTick {
		l.emit(rng)
		if err := l.persist(rng); err != nil {
			t.Fatal(err)
		}
	}
	w.check(frame.MaxTick)
}
