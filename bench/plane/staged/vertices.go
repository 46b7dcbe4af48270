package staged

import (
	"cmp"
	"slices"

	"github.com/streamscope/streamscope/bench/rows"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/ops"
)

// stateless is the part of a vertex that is never restored.
type stateless struct{}

func (stateless) Load(vertex.SnapshotReader) error        { return nil }
func (stateless) GetSnapshot(vertex.SnapshotWriter) error { return nil }

// turn swaps key and value.
type turn struct{ stateless }

func (turn) Execute(_ int, b *batch.Batch, out *vertex.Outbox) (int, error) {
	for i := 0; i < b.N; {
		n := min(out.Room(), b.N-i)
		if n == 0 {
			return i, nil
		}
		out.Rows.AppendTimes(b, i, i+n)
		out.Rows.Cols[0].AppendRange(&b.Cols[1], i, i+n)
		out.Rows.Cols[1].AppendRange(&b.Cols[0], i, i+n)
		i += n
	}
	return b.N, nil
}

func (turn) Close(cti frame.CTI, _ *vertex.Outbox) (frame.CTI, bool, error) { return cti, true, nil }

// sum adds up every column.
type sum struct {
	stateless
	all  rows.Sums
	open []tickSums
}

// tickSums are the sums of a tick that is not closed yet.
type tickSums struct {
	tick frame.Tick
	sums rows.Sums
}

var _ ops.Folder = (*sum)(nil)

func (s *sum) Execute(_ int, b *batch.Batch, _ *vertex.Outbox) (int, error) {
	s.all.Add(b)
	return b.N, nil
}

func (s *sum) Close(cti frame.CTI, _ *vertex.Outbox) (frame.CTI, bool, error) { return cti, true, nil }

func (s *sum) find(t frame.Tick) (int, bool) {
	return slices.BinarySearchFunc(s.open, t, func(o tickSums, t frame.Tick) int { return cmp.Compare(o.tick, t) })
}

func (s *sum) Fold(t frame.Tick, _ int, b *batch.Batch) error {
	i, ok := s.find(t)
	if !ok {
		s.open = slices.Insert(s.open, i, tickSums{tick: t})
	}
	s.open[i].sums.Add(b)
	return nil
}

func (s *sum) Merge(t frame.Tick) error {
	if i, ok := s.find(t); ok {
		s.all = s.all.Plus(s.open[i].sums)
	}
	s.Discard(t)
	return nil
}

func (s *sum) Discard(t frame.Tick) {
	if i, ok := s.find(t); ok {
		s.open = slices.Delete(s.open, i, i+1)
	}
}
