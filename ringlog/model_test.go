package ringlog

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// TestAgainstModel compares a log with a plain list of frames, under random writes, trims, leases and steps of an arena of three to
// six segments, with and without spilling.
func TestAgainstModel(t *testing.T) {
	onEachBacking(t, func(t *testing.T, b Backing) {
		dir, spillDir := t.TempDir(), t.TempDir()
		rapid.Check(t, func(rt *rapid.T) {
			cfg := ArenaConfig{
				SegmentBytes: testSegment, LimitBytes: testSegment * int64(rapid.IntRange(3, 6).Draw(rt, "segments")),
				Backing: b, Dir: dir, CacheBytes: spillBlockBytes,
			}
			if rapid.Bool().Draw(rt, "spill") {
				cfg.SpillDir = spillDir
			}
			a, err := NewArena(cfg)
			if err != nil {
				rt.Fatal(err)
			}
			m := model{arena: a, bounds: map[frame.Chain]uint64{}, leases: map[frame.Pos]Lease{}}
			defer m.end(rt)
			if m.log, err = a.NewLog(LogConfig{Incarnation: 1, Sums: true}); err != nil {
				rt.Fatal(err)
			}
			rt.Repeat(map[string]func(*rapid.T){
				"write": m.write, "writeMany": m.writeMany, "abandon": m.abandon, "trim": m.trim, "lease": m.lease,
				"release": m.release, "step": func(*rapid.T) { a.Step() }, "": m.check,
			})
		})
	})
}

type model struct {
	arena  *Arena
	log    *Log
	frames []modelFrame // all that were written
	bounds map[frame.Chain]uint64
	leases map[frame.Pos]Lease
}

type modelFrame struct {
	pos   frame.Pos
	chain frame.Chain
	tick  frame.Tick
}

func (m *model) alive(f modelFrame) bool { return uint64(f.tick) >= m.bounds[f.chain] }

var drawChain = rapid.Custom(func(t *rapid.T) frame.Chain {
	return frame.Chain{Edge: frame.EdgeID(rapid.IntRange(1, 3).Draw(t, "edge")), Node: frame.NodeID(rapid.IntRange(1, 2).Draw(t, "node"))}
})

func (m *model) write(t *rapid.T) {
	c, tick := drawChain.Draw(t, "chain"), frame.Tick(rapid.IntRange(0, 20).Draw(t, "tick"))
	pos, err := writeStepping(m.log, c, tick, rapid.IntRange(64, 30000).Draw(t, "len"))
	if errors.Is(err, ErrNoSegment) {
		if st := m.arena.Stats(); st.FreeSegments > 0 || (st.CanSpill && len(m.leases) == 0) {
			t.Fatalf("no segment, yet %+v", st)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	m.frames = append(m.frames, modelFrame{pos, c, tick})
}

func (m *model) writeMany(t *rapid.T) {
	for range 10 {
		m.write(t)
	}
}

func (m *model) abandon(t *rapid.T) {
	if _, _, err := m.log.Claim(rapid.IntRange(64, 3000).Draw(t, "len")); err == nil {
		m.log.Abandon()
	} else if !errors.Is(err, ErrNoSegment) {
		t.Fatal(err)
	}
}

func (m *model) trim(t *rapid.T) {
	c, tick := drawChain.Draw(t, "chain"), rapid.IntRange(0, 20).Draw(t, "tick")
	m.log.Trim(c, frame.Tick(tick))
	m.bounds[c] = max(m.bounds[c], uint64(tick)+1)
}

func (m *model) lease(t *rapid.T) {
	if len(m.frames) == 0 {
		return
	}
	f := rapid.SampledFrom(m.frames).Draw(t, "frame")
	if _, ok := m.leases[f.pos]; ok {
		return
	}
	lease, err := m.log.Acquire(f.pos)
	switch {
	case err == nil:
		m.leases[f.pos] = lease
	case !errors.Is(err, ErrTrimmed) || m.alive(f):
		t.Fatalf("acquire %+v, alive %v: %v", f, m.alive(f), err)
	}
}

func (m *model) release(t *rapid.T) {
	if len(m.leases) == 0 {
		return
	}
	held := make([]frame.Pos, 0, len(m.leases))
	for pos := range m.leases {
		held = append(held, pos)
	}
	slices.Sort(held)
	pos := rapid.SampledFrom(held).Draw(t, "lease")
	m.leases[pos].Release()
	delete(m.leases, pos)
}

// check reads all: every live frame is there, in order, and nothing that was not written. Leased frames are whole.
func (m *model) check(t *rapid.T) {
	got, err := readAll(m.log, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.compare(got); err != nil {
		t.Fatal(err)
	}
	for pos, lease := range m.leases {
		if _, err := checkFrame(pos, lease.Bytes()); err != nil {
			t.Fatalf("leased: %v", err)
		}
	}
	for c := range m.bounds {
		m.checkReplay(t, c)
	}
	if st := m.arena.Stats(); st.Segments > st.LimitSegments {
		t.Fatalf("beyond the limit: %+v", st)
	}
}

func (m *model) compare(got []frame.Pos) error {
	i := 0
	for _, f := range m.frames {
		if i < len(got) && got[i] == f.pos {
			i++
		} else if m.alive(f) {
			return fmt.Errorf("%+v is missing in %v", f, got)
		}
	}
	if i < len(got) {
		return fmt.Errorf("read %d, which was not written, or twice, or out of order: %v", got[i], got)
	}
	return nil
}

func (m *model) checkReplay(t *rapid.T, c frame.Chain) {
	got, err := m.log.Replay(c, 10, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range m.frames {
		wanted := f.chain == c && f.tick > 10
		if i := slices.Index(got, f.pos); i >= 0 {
			if got = slices.Delete(got, i, i+1); !wanted {
				t.Fatalf("replay of %v after 10 has %+v", c, f)
			}
		} else if wanted && m.alive(f) {
			t.Fatalf("replay of %v after 10 lacks %+v", c, f)
		}
	}
	if len(got) > 0 {
		t.Fatalf("replay of %v has %v, which were not written", c, got)
	}
}

// end releases everything: the arena must then hold nothing but free segments.
func (m *model) end(t *rapid.T) {
	for _, lease := range m.leases {
		lease.Release()
	}
	if err := m.arena.Close(); err != nil {
		t.Fatal(err)
	}
	if st := m.arena.Stats(); st.Segments != 0 || st.SpilledSegments != 0 || st.SpilledBytes != 0 || st.CachedBytes != 0 {
		t.Fatalf("left over: %+v", st)
	}
}
