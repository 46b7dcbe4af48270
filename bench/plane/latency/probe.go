package latency

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/streamscope/streamscope/bench/rows"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// longest is the greatest latency that can be counted.
const longest = time.Minute

// counts are what the consumers of a core have seen.
type counts struct {
	plan *plan
	from int64 // rows due before are not counted, nanoseconds since the start
	sums rows.Sums
	us   *hdrhistogram.Histogram // latencies in microseconds
	_    [64]byte                // those of another core lie on another cache line
}

func newCounts(p *plan) *counts {
	return &counts{plan: p, from: int64(p.length / 10), us: hdrhistogram.New(1, longest.Microseconds(), 3)}
}

// probe is a consumer task: it counts rows when the engine hands them to it, and emits nothing.
type probe struct{ *counts }

var _ vertex.Vertex = probe{}

// Execute implements vertex.Vertex. It reads a clock, as no other vertex may.
func (p probe) Execute(_ int, b *batch.Batch, _ *vertex.Outbox) (int, error) {
	now := int64(time.Since(p.plan.start))
	for _, vs := range b.Vs {
		due := p.plan.due(vs)
		if due < p.from {
			continue
		}
		if err := p.us.RecordValue((now - due) / 1000); err != nil {
			return 0, err
		}
	}
	p.sums.Add(b)
	return b.N, nil
}

// Close implements vertex.Vertex.
func (p probe) Close(cti frame.CTI, _ *vertex.Outbox) (frame.CTI, bool, error) { return cti, true, nil }

// Load implements vertex.Vertex.
func (p probe) Load(r vertex.SnapshotReader) error { return r.Err() }

// GetSnapshot implements vertex.Vertex.
func (p probe) GetSnapshot(vertex.SnapshotWriter) error { return nil }
