package ops

import (
	"fmt"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
)

// benchRows makes n rows (key, value) of the given keys, one every stepUs from startUs on, living lifeUs (0: points).
func benchRows(n, keys int, startUs, stepUs, lifeUs int64, text bool) *batch.Batch {
	kind := batch.Int64
	if text {
		kind = batch.String
	}
	b := batch.NewBuilder(&batch.Schema{HasVe: lifeUs > 0, Fields: []batch.Field{{Name: "key", Kind: kind}, {Name: "v", Kind: batch.Int64}}})
	for i := range n {
		vs := startUs + int64(i)*stepUs
		b.AppendTime(vs, vs+lifeUs, 1)
		k := int(uint64(i)*0x9e3779b97f4a7c15>>32) % keys
		if text {
			b.Cols[0].AppendString(fmt.Sprintf("%03X", k))
		} else {
			b.Cols[0].AppendInt64(int64(k))
		}
		b.Cols[1].AppendInt64(int64(i))
	}
	return b.View()
}

func shift(b *batch.Batch, by int64) {
	for i := range b.Vs {
		b.Vs[i] += by
	}
	for i := range b.Ve {
		b.Ve[i] += by
	}
}

// BenchmarkJoin joins points with events that live so long that each point meets the given number of pairs.
func BenchmarkJoin(b *testing.B) {
	for _, c := range []struct {
		keys, pairs int
		text        bool
	}{{300, 0, true}, {300, 17, true}, {300, 17, false}, {65536, 0, false}, {65536, 1, false}} {
		b.Run(fmt.Sprintf("keys=%d/pairs=%d/text=%v", c.keys, c.pairs, c.text), func(b *testing.B) {
			const rows, step = 4096, 10
			right := benchRows(rows, c.keys, 5, step, int64(c.pairs*c.keys*step)+1, c.text)
			left := benchRows(rows, c.keys, 0, step, 0, c.text)
			cfg := JoinConfig{Left: left.Schema, Right: right.Schema, LeftKeys: []int{0}, RightKeys: []int{0},
				Columns: []JoinColumn{{Left, 0, "key"}, {Left, 1, "l"}, {Right, 1, "r"}}}
			j, err := NewJoin(cfg, state.NewHeapPages(0))
			if err != nil {
				b.Fatal(err)
			}
			schema, _ := cfg.Output()
			emitted := 0
			out := vertex.NewOutbox(schema, 4096, 1<<20, func(r *batch.Builder) bool { emitted += r.Len(); return true })
			for b.Loop() {
				for port, in := range []*batch.Batch{left, right} {
					if n, err := j.Execute(port, in, out); err != nil || n != in.N {
						b.Fatal(n, err)
					}
					shift(in, rows*step)
				}
				if _, _, err := j.Close(frame.CTI(left.Vs[0]), out); err != nil {
					b.Fatal(err)
				}
			}
			perRow := float64(b.Elapsed().Nanoseconds()) / float64(b.N*2*rows)
			b.ReportMetric(perRow, "ns/row")
			b.ReportMetric(float64(emitted)/float64(b.N*rows), "pairs/point")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(max(emitted, 1)), "ns/pair")
		})
	}
}

// BenchmarkWindow aggregates rows of random keys, or runs of one key as joins emit them.
func BenchmarkWindow(b *testing.B) {
	for _, c := range []struct {
		keys, run int
		text      bool
	}{{300, 1, true}, {300, 17, true}, {300, 1, false}, {65536, 1, false}} {
		b.Run(fmt.Sprintf("keys=%d/run=%d/text=%v", c.keys, c.run, c.text), func(b *testing.B) {
			const rows, step = 4096, 1000
			src := benchRows(rows/c.run, c.keys, 0, step, 0, c.text)
			bld := batch.NewBuilder(src.Schema)
			for i := range src.N {
				for range c.run {
					bld.AppendBatch(src, i, i+1)
				}
			}
			in := bld.View()
			cfg := WindowConfig{Input: in.Schema, SizeUs: 3600e6, Keys: []int{0}, Aggregates: []Aggregate{{Count, AllRows, "n"}, {Sum, 1, "s"}, {Max, 1, "m"}}}
			w, err := NewWindow(cfg, state.NewHeapPages(0))
			if err != nil {
				b.Fatal(err)
			}
			schema, _ := cfg.Output()
			out := vertex.NewOutbox(schema, 4096, 1<<20, func(r *batch.Builder) bool { return true })
			for b.Loop() {
				if n, err := w.Execute(0, in, out); err != nil || n != in.N {
					b.Fatal(n, err)
				}
				shift(in, rows*step)
				if _, _, err := w.Close(frame.CTI(in.Vs[0]), out); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*in.N), "ns/row")
		})
	}
}
