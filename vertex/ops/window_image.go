package ops

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
)

// GetSnapshot implements vertex.Vertex. Accumulators of open ticks are no part of it.
func (w *Window) GetSnapshot(s vertex.SnapshotWriter) error {
	s.Uint64(uint64(w.cti))
	s.Uint64(uint64(len(w.open.list)))
	for _, win := range w.open.list {
		s.Uint64(uint64(win.k))
		win.groups.Snapshot(s)
	}
	return nil
}

// Load implements vertex.Vertex.
func (w *Window) Load(r vertex.SnapshotReader) error {
	return w.load(r, func(win *window) error { return win.groups.Restore(r) })
}

// load opens the windows of an image; groups fills one.
func (w *Window) load(r vertex.SnapshotReader, groups func(win *window) error) error {
	w.cti = frame.CTI(r.Uint64())
	for n := r.Uint64(); n > 0 && r.Err() == nil; n-- {
		k := int64(r.Uint64())
		if l := w.open.list; len(l) > 0 && l[len(l)-1].k >= k || k < w.first(-timeMax) || k > w.last(timeMax) {
			return fmt.Errorf("window: %w: window number %d", state.ErrDamaged, k)
		}
		win, err := w.open.window(k, w)
		if err != nil {
			return err
		}
		if err := groups(win); err != nil {
			return fmt.Errorf("window: %w", err)
		}
	}
	return r.Err()
}

// Image implements vertex.Imager: as GetSnapshot, and of each window its part.
func (w *Window) Image(s vertex.SnapshotWriter) (parts []state.Part, err error) {
	w.open.dropSpares()
	s.Uint64(uint64(w.cti))
	s.Uint64(uint64(len(w.open.list)))
	for _, win := range w.open.list {
		s.Uint64(uint64(win.k))
		s.Uint64(uint64(win.part))
		if parts, err = imageOf(win.groups, uint64(win.part), s, parts); err != nil {
			state.ReleaseParts(parts)
			return nil, fmt.Errorf("window: %w", err)
		}
	}
	slices.SortFunc(parts, func(a, b state.Part) int { return cmp.Compare(a.ID, b.ID) })
	return parts, nil
}

// LoadImage implements vertex.Imager. Windows get new part numbers: nothing goes on from an image of another life.
func (w *Window) LoadImage(r vertex.SnapshotReader, parts []state.StoredPart) error {
	im := &storedImage{r: r, parts: parts}
	if err := w.load(r, func(win *window) error { return im.load(win.groups, r.Uint64()) }); err != nil {
		return err
	}
	return im.end()
}
