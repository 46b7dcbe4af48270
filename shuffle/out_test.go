package shuffle

import (
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// TestFramesAreFilled appends many small batches: what is staged is written as one nearly full frame, not as one and a remainder.
func TestFramesAreFilled(t *testing.T) {
	schema := &batch.Schema{Fields: []batch.Field{{Name: "key", Kind: batch.Int64}}}
	for _, unordered := range []bool{false, true} {
		edges := []Edge{{Schema: schema, Source: TaskRange{0, 1}, Destination: TaskRange{1, 5}, Keys: []int{0}, Unordered: unordered}}
		const frameBytes = 8192
		c := newTestCluster(t, Cluster{Nodes: 1, Cores: 1}, edges, 64<<10, frameBytes, 4096, 8<<20, 1)
		p := c.xs[0].Port(0)
		b := batch.NewBuilder(schema)
		rows := 0
		for i := range 200 {
			b.Reset()
			for k := range 10 {
				b.AppendTime(int64(i), 0, 0)
				b.Cols[0].AppendInt64(int64(10*i + k))
			}
			rows += b.Len()
			retry(t, c.step[0], func() (bool, error) { return p.Append(0, 0, 1, b.View()) })
		}
		retry(t, c.step[0], p.FlushAll)
		frames := 0
		p.log.Reader(0).Poll(1000, func(_ frame.Pos, b []byte) bool {
			frames++
			return true
		})
		if most := rows*schema.FixedRowBytes()/(frameBytes*9/10) + 1; frames > most {
			t.Errorf("unordered %v: %d rows in %d frames, want at most %d", unordered, rows, frames, most)
		}
	}
}
