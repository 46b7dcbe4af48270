package ops

import (
	"bytes"
	"errors"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
)

// wideWindow has so many windows open, each of some hundred groups.
func wideWindow(t *testing.T, pages state.Pages, windows int) (*Window, *vertex.Outbox) {
	t.Helper()
	in := &batch.Schema{Fields: []batch.Field{{Name: "k", Kind: batch.Int64}}}
	cfg := WindowConfig{Input: in, Keys: []int{0}, SizeUs: 100, Aggregates: []Aggregate{{Func: Count, Name: "n"}}}
	w, err := NewWindow(cfg, pages)
	if err != nil {
		t.Fatal(err)
	}
	rows := batch.NewBuilder(in)
	for k := range windows {
		for i := range int64(300) {
			rows.AppendTime(int64(k)*100, 0, 0)
			rows.Cols[0].AppendInt64(i)
		}
	}
	out, _ := cfg.Output()
	box := vertex.NewOutbox(out, 1000, 1<<20, func(*batch.Builder) bool { return true })
	if n, err := w.Execute(0, rows.View(), box); n != rows.Len() || err != nil {
		t.Fatalf("took %d of %d rows: %v", n, rows.Len(), err)
	}
	return w, box
}

// Windows that end while images hold their pages give these back later, however many there are.
func TestEndedWindowsLetGoOfPages(t *testing.T) {
	const windows = 3 * spareWindows
	pages := state.NewHeapPages(0)
	w, box := wideWindow(t, pages, windows)
	var want values
	if err := w.GetSnapshot(&want); err != nil {
		t.Fatal(err)
	}
	var small vertex.ImageWriter
	parts, err := w.Image(&small)
	if err != nil || len(parts) != windows {
		t.Fatalf("image of %d parts, want %d: %v", len(parts), windows, err)
	}
	if _, done, err := w.Close(frame.MaxCTI, box); !done || err != nil {
		t.Fatalf("close: %v, %v", done, err)
	}
	stored, err := state.CopyParts(parts)
	if err != nil {
		t.Fatal(err)
	}
	state.ReleaseParts(parts)
	if parts, err := w.Image(&vertex.ImageWriter{}); err != nil || len(parts) != 0 || pages.Used() != 0 || len(w.open.spares) != spareWindows {
		t.Errorf("%d parts, %d bytes used and %d spares when all windows have ended, want 0, 0 and %d: %v", len(parts), pages.Used(), len(w.open.spares), spareWindows, err)
	}
	again, _ := wideWindow(t, state.NewHeapPages(0), 0)
	if err := again.LoadImage(vertex.NewImageReader(small.Image()), stored); err != nil {
		t.Fatal(err)
	}
	var got values
	if err := again.GetSnapshot(&got); err != nil || !bytes.Equal(got.buf, want.buf) {
		t.Errorf("the image changed when the windows ended: %v", err)
	}
}

// One image too many is refused, and leaves nothing behind.
func TestTooManyImagesAreRefused(t *testing.T) {
	w, _ := wideWindow(t, state.NewHeapPages(0), 2)
	var all []state.Part
	for range state.MaxFrozen {
		parts, err := w.Image(&vertex.ImageWriter{})
		if err != nil || len(parts) != 2 {
			t.Fatalf("%d parts, want 2: %v", len(parts), err)
		}
		all = append(all, parts...)
	}
	if parts, err := w.Image(&vertex.ImageWriter{}); !errors.Is(err, state.ErrFrozen) || parts != nil {
		t.Fatalf("%d parts and %v, want %v", len(parts), err, state.ErrFrozen)
	}
	state.ReleaseParts(all)
	parts, err := w.Image(&vertex.ImageWriter{})
	if err != nil || len(parts) != 2 {
		t.Fatalf("%d parts, want 2: %v", len(parts), err)
	}
	state.ReleaseParts(parts)
}
