package plane

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/partition"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/state/extent"
)

const (
	ballastCells        = 60 // of an entry: about 500 bytes
	ballastSegmentBytes = 4 << 20
	ballastFrameBytes   = 128 << 10
	ballastSpareBytes   = 1 << 30 // that the machine must have besides
)

// ballast is memory of the engine that holds something: keyed tables on pages, and frames in ring segments that nobody has trimmed.
type ballast struct {
	pages  []*extent.Pages
	tables []*state.Table
	arena  *ringlog.Arena
	log    *ringlog.Log
	frames int
}

// newBallast fills so much memory, all of which has been written when it returns. An error says how much is missing.
func newBallast(tables int, stateBytes, ringBytes int64) (_ *ballast, err error) {
	m, err := ringlog.AvailableMemory()
	if err != nil {
		return nil, err
	}
	if want := stateBytes + ringBytes + ballastSpareBytes; m.Bytes < want {
		return nil, fmt.Errorf("%d MiB of state and %d MiB of rings: want %d MiB of memory for them and the rest, %d MiB are available (%s)",
			stateBytes>>20, ringBytes>>20, want>>20, m.Bytes>>20, m.Source)
	}
	b := &ballast{}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if err := b.fillRings(ringBytes); err != nil {
		return nil, err
	}
	memory := extent.NewArena(stateBytes)
	for range tables {
		b.pages = append(b.pages, memory.NewPages())
		t, err := state.NewTable(b.pages[len(b.pages)-1], ballastCells)
		if err != nil {
			return nil, err
		}
		b.tables = append(b.tables, t)
	}
	return b, b.fillTables()
}

// fillTables puts keys into all tables in turn until their memory is used up.
func (b *ballast) fillTables() error {
	for key := uint64(0); ; key++ {
		for _, t := range b.tables {
			cells, _, err := t.Put(hashOf(key), keyOf(key))
			if errors.Is(err, state.ErrFull) {
				return nil
			}
			if err != nil {
				return err
			}
			for i := range cells {
				cells[i] = key + uint64(i)
			}
		}
	}
}

func keyOf(key uint64) []byte { return binary.LittleEndian.AppendUint64(nil, key) }

func hashOf(key uint64) uint64 { return partition.MixV1(key) }

// fillRings writes frames into a log until the arena is full.
func (b *ballast) fillRings(bytes int64) (err error) {
	b.arena, err = ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: ballastSegmentBytes, LimitBytes: bytes})
	if err != nil {
		return err
	}
	if b.log, err = b.arena.NewLog(ringlog.LogConfig{Job: 1, Node: 1, Incarnation: 1}); err != nil {
		return err
	}
	for {
		p, _, err := b.log.Claim(ballastFrameBytes)
		if errors.Is(err, ringlog.ErrNoSegment) {
			if b.arena.Step() {
				continue
			}
			return nil
		}
		if err != nil {
			return err
		}
		for i := range p[frame.HeaderLen:] {
			p[frame.HeaderLen+i] = byte(b.frames)
		}
		b.frames++
		b.log.Commit(frame.Header{Type: frame.Mark, Tick: frame.Tick(b.frames), Edge: 1, Node: 1})
	}
}

// bytes is what tables and segments take.
func (b *ballast) bytes() (n int64) {
	for _, t := range b.tables {
		n += int64(t.Bytes())
	}
	s := b.arena.Stats()
	return n + int64(s.Segments)*int64(s.SegmentBytes)
}

// check looks at what is held, here and there.
func (b *ballast) check() error {
	for i, t := range b.tables {
		const step = 1009
		for key := uint64(0); key < uint64(t.Len()); key += step {
			cells := t.Get(hashOf(key), keyOf(key))
			if len(cells) != ballastCells || cells[0] != key || cells[ballastCells-1] != key+ballastCells-1 {
				return fmt.Errorf("table %d of %d keys does not hold what was put there under key %d: got %v", i, t.Len(), key, cells)
			}
		}
	}
	read := 0
	r := b.log.Reader(0)
	for r.Poll(64, func(_ frame.Pos, p []byte) bool {
		read++
		return p[len(p)-1] == byte(read-1)
	}) > 0 {
	}
	if r.Err() != nil || read != b.frames {
		return errors.Join(r.Err(), fmt.Errorf("the ring holds %d frames as they were written, want %d", read, b.frames))
	}
	return nil
}

func (b *ballast) close() error {
	for _, p := range b.pages {
		p.Close()
	}
	if b.arena == nil {
		return nil
	}
	var errs []error
	if b.log != nil {
		errs = append(errs, b.log.Close())
	}
	return errors.Join(append(errs, b.arena.Close())...)
}
