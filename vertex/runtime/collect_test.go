package runtime

import (
	"errors"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/state/snapshot"
)

// Whatever becomes of an image, its parts are either handed on or released.
func TestPartsAreReleased(t *testing.T) {
	table, err := state.NewTable(state.NewHeapPages(0), 1)
	if err == nil {
		_, _, err = table.Put(1, []byte("key"))
	}
	if err != nil {
		t.Fatal(err)
	}
	image := func() snapshot.Image {
		f, err := table.Freeze()
		if err != nil {
			t.Fatal(err)
		}
		return snapshot.Image{Parts: []state.Part{{ID: 1, Frozen: f}}}
	}
	released := func(im snapshot.Image) bool {
		_, err := im.Parts[0].Frozen.AppendPage(nil, 1)
		return errors.Is(err, state.ErrReleased)
	}
	var saved, lost []frame.Tick
	c := newCollector(0, 0, 2, 0, &Recovery{
		Save: func(_ int, at frame.Tick, im snapshot.Image) {
			if saved = append(saved, at); len(im.Parts) != 2 || released(im) {
				t.Errorf("tick %d: saved %d parts", at, len(im.Parts))
			}
			im.Release()
		},
		Lost: func(_ int, at frame.Tick, _ error) { lost = append(lost, at) },
	})
	missed, early, late, open, after := image(), image(), image(), image(), image()
	c.task(5, 0, nil, missed)
	c.task(6, 0, nil, early)
	c.lose(6, state.ErrFrozen)
	c.task(7, 0, nil, image())
	c.task(7, 1, nil, image())
	c.task(5, 1, nil, late)
	c.task(8, 0, nil, open)
	c.close()
	c.task(8, 1, nil, after)
	for name, im := range map[string]snapshot.Image{"missed": missed, "lost": early, "late": late, "open": open, "after the end": after} {
		if !released(im) {
			t.Errorf("%s: not released", name)
		}
	}
	if len(saved) != 1 || saved[0] != 7 || len(lost) != 1 || lost[0] != 6 {
		t.Errorf("saved %d, lost %d, want 7 and 6", saved, lost)
	}
}
