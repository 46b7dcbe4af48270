package ops

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state"
)

// window holds the groups of window number k.
type window struct {
	k      int64
	part   uint32 // its number in images, while it is open
	groups *state.Table
}

// spareWindows is how many emptied windows a set keeps to use again.
const spareWindows = 16

// windowSet holds windows with rows, ordered by number, hence by end.
type windowSet struct {
	list   []*window
	parts  partNumbers
	last   *window // found last
	spares []*window
	moves  uint64 // changes when cells of groups that were lent have moved
}

// group returns the cells of a group of window k.
func (s *windowSet) group(k int64, w *Window, hash uint64, key []byte) ([]uint64, error) {
	win, err := s.window(k, w)
	if err != nil {
		return nil, err
	}
	before := win.groups.Moves()
	cells, _, err := win.groups.Put(hash, key)
	if err != nil {
		return nil, fmt.Errorf("window: %w", err)
	}
	s.moves += win.groups.Moves() - before
	return cells, nil
}

// window returns window k, opened if need be.
func (s *windowSet) window(k int64, w *Window) (*window, error) {
	if s.last != nil && s.last.k == k {
		return s.last, nil
	}
	i, ok := slices.BinarySearchFunc(s.list, k, func(win *window, k int64) int { return cmp.Compare(win.k, k) })
	if !ok {
		win, err := s.fresh(w)
		if err != nil {
			return nil, err
		}
		win.k, win.part = k, s.parts.take()
		s.list = slices.Insert(s.list, i, win)
	}
	s.last = s.list[i]
	return s.last, nil
}

func (s *windowSet) fresh(w *Window) (*window, error) {
	if n := len(s.spares); n > 0 {
		win := s.spares[n-1]
		s.spares = s.spares[:n-1]
		return win, nil
	}
	t, err := state.NewTable(w.pages, w.cells)
	return &window{groups: t}, err
}

func (s *windowSet) dropOldest() {
	win := s.list[0]
	if s.last == win {
		s.last = nil
	}
	s.list = slices.Delete(s.list, 0, 1)
	s.parts.give(win.part)
	win.groups.Reset()
	s.spares = append(s.spares, win)
	if len(s.spares) > spareWindows && win.groups.Bytes() == 0 {
		s.spares = s.spares[:len(s.spares)-1]
	}
}

// dropSpares drops emptied windows beyond those kept, once no image needs their pages any more.
func (s *windowSet) dropSpares() {
	n := 0
	s.spares = slices.DeleteFunc(s.spares, func(win *window) bool {
		win.groups.Reset() // takes back what released images held
		n++
		return n > spareWindows && win.groups.Bytes() == 0
	})
}

func (s *windowSet) reset() {
	for _, win := range s.list {
		win.groups.Reset()
	}
	*s = windowSet{}
}

func (w *Window) foldOf(tick frame.Tick) (int, bool) {
	return slices.BinarySearchFunc(w.ticks, tick, func(f tickFold, t frame.Tick) int { return cmp.Compare(f.tick, t) })
}

// Fold implements Folder.
func (w *Window) Fold(tick frame.Tick, _ int, rows *batch.Batch) error {
	if err := w.check("window", rows); err != nil {
		return err
	}
	i, ok := w.foldOf(tick)
	if !ok {
		w.ticks = slices.Insert(w.ticks, i, tickFold{tick: tick})
	}
	return w.fold(&w.ticks[i].set, rows)
}

// Discard implements Folder.
func (w *Window) Discard(tick frame.Tick) {
	if i, ok := w.foldOf(tick); ok {
		w.ticks[i].set.reset()
		w.ticks = slices.Delete(w.ticks, i, i+1)
	}
}

// Merge implements Folder.
func (w *Window) Merge(tick frame.Tick) error {
	i, ok := w.foldOf(tick)
	if !ok {
		return nil
	}
	for _, win := range w.ticks[i].set.list {
		into, err := w.open.window(win.k, w)
		if err != nil {
			return err
		}
		if err := into.groups.Merge(win.groups, w.mergeGroup); err != nil {
			return err
		}
	}
	w.Discard(tick)
	return nil
}

func (w *Window) mergeGroup(group, other []uint64) {
	for i := range w.accs {
		w.accs[i].merge(group, other)
	}
}
