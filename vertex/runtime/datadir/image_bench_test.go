package datadir

import (
	"fmt"
	"testing"
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/shuffle/partition"
	"github.com/streamscope/streamscope/state/extent"
	"github.com/streamscope/streamscope/state/snapshot"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/ops"
)

// benchState is a window with 1 GiB of groups.
type benchState struct {
	window *ops.Window
	pages  *extent.Pages
	rows   *batch.Builder
}

const (
	benchStateBytes = 1 << 30
	benchGroups     = 16 << 20
	benchRows       = 4096
)

func newBenchState(b *testing.B) *benchState {
	b.Helper()
	in := &batch.Schema{Fields: []batch.Field{{Name: "k", Kind: batch.Int64}, {Name: "v", Kind: batch.Int64}}}
	pages := extent.NewArena(3 * benchStateBytes).NewPages()
	w, err := ops.NewWindow(ops.WindowConfig{Input: in, Keys: []int{0}, SizeUs: 1e12, Aggregates: []ops.Aggregate{
		{Func: ops.Count, Name: "n"}, {Func: ops.Sum, Column: 1, Name: "s"}}}, pages)
	if err != nil {
		b.Fatal(err)
	}
	s := &benchState{window: w, pages: pages, rows: batch.NewBuilder(in)}
	b.Cleanup(func() { pages.Close() })
	s.update(b, 1)
	return s
}

// update adds a row to the groups whose hash lies in the lowest 1/share, and so in that share of the pages.
func (s *benchState) update(b *testing.B, share uint64) {
	for k := range int64(benchGroups) {
		if partition.MixV1(uint64(k)) > ^uint64(0)/share {
			continue
		}
		s.rows.AppendTime(1, 0, 0)
		s.rows.Cols[0].AppendInt64(k)
		s.rows.Cols[1].AppendInt64(k)
		if s.rows.Len() == benchRows {
			s.flush(b)
		}
	}
	s.flush(b)
}

func (s *benchState) flush(b *testing.B) {
	if _, err := s.window.Execute(0, s.rows.View(), nil); err != nil {
		b.Fatal(err)
	}
	s.rows.Reset()
}

// BenchmarkImageOfWindow takes images of 1 GiB of groups after ticks that change a share of the pages: how long the core stands still, what it
// pays in the next tick for pages that are held, and what is written. Run it with -benchtime 4x.
func BenchmarkImageOfWindow(b *testing.B) {
	s := newBenchState(b)
	b.Run("by value", func(b *testing.B) {
		var pause, bytes float64
		for b.Loop() {
			var w vertex.ImageWriter
			begun := time.Now()
			if err := s.window.GetSnapshot(&w); err != nil {
				b.Fatal(err)
			}
			pause += float64(time.Since(begun).Nanoseconds())
			bytes += float64(len(w.Image()))
		}
		b.ReportMetric(pause/1e6/float64(b.N), "ms-pause")
		b.ReportMetric(bytes/(1<<20)/float64(b.N), "MiB-written")
	})
	for _, share := range []uint64{4, 16} {
		b.Run(fmt.Sprintf("frozen, 1 of %d pages", share), func(b *testing.B) { s.benchFrozen(b, share) })
	}
}

func (s *benchState) benchFrozen(b *testing.B, share uint64) {
	store, err := snapshot.OpenDir(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	c, err := snapshot.OpenChain(snapshot.Config{Store: store, Job: 1, FullEvery: 200})
	if err != nil {
		b.Fatal(err)
	}
	tick := frame.Tick(0)
	freeze := func() *snapshot.Image {
		var w vertex.ImageWriter
		parts, err := s.window.Image(&w)
		if err != nil {
			b.Fatal(err)
		}
		return &snapshot.Image{Extra: w.Image(), Parts: parts}
	}
	write := func(im *snapshot.Image) snapshot.Entry {
		tick++
		e, err := c.Write(tick, im)
		im.Release()
		if err != nil {
			b.Fatal(err)
		}
		return e
	}
	write(freeze())
	var pause, held, free, writing time.Duration
	var bytes int64
	for b.Loop() {
		free += took(func() { s.update(b, share) })
		var im *snapshot.Image
		pause += took(func() { im = freeze() })
		held += took(func() { s.update(b, share) }) // copies what it changes
		writing += took(func() { bytes += write(im).Bytes })
	}
	n := float64(b.N)
	b.ReportMetric(float64(pause.Nanoseconds())/1e6/n, "ms-pause")
	b.ReportMetric(float64(bytes)/(1<<20)/n, "MiB-written")
	b.ReportMetric((held-free).Seconds()*1e3/n, "ms-copying")
	b.ReportMetric(writing.Seconds()*1e3/n, "ms-writing")
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}
}

func took(f func()) time.Duration {
	begun := time.Now()
	f()
	return time.Since(begun)
}
