package shuffle

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// Run is consecutive rows of a channel in a DATA frame: Count rows of Rows, from From on.
type Run struct {
	Source      frame.TaskID // of an unordered edge: one of those whose rows are mixed, or 0
	Destination frame.TaskID
	Rows        *batch.Batch // of the whole frame, borrowed as its bytes are, until visit returns
	From, Count int
	First       uint64 // index of the first row in its channel and tick; 0 on unordered edges
	named       bool   // Source stands in the frame
}

// Runs calls visit for the rows of each channel of the DATA frame b, whatever b is: errors wrap frame.ErrCorrupt or ErrProtocol, or are visit's.
func (e *Edge) Runs(b []byte, visit func(r *Run) error) error {
	if len(b) < frame.HeaderLen {
		return fmt.Errorf("%w: a frame of %d bytes", frame.ErrCorrupt, len(b))
	}
	h := frame.DecodeHeader(b)
	if err := h.Valid(len(b)); err != nil {
		return err
	}
	return e.runs(h, b, func(r *Run) error {
		if r.named && !e.Source.Contains(r.Source) || !e.Destination.Contains(r.Destination) {
			return fmt.Errorf("%w: rows from task %d for task %d on edge %d, want %v to %v", ErrProtocol, r.Source, r.Destination, e.ID, e.Source, e.Destination)
		}
		return visit(r)
	})
}

// runs is Runs of a frame whose header is valid, without a judgement on its tasks.
func (e *Edge) runs(h frame.Header, b []byte, visit func(r *Run) error) error {
	d, err := frame.ParseData(h, b)
	if err != nil {
		return err
	}
	var rows batch.Batch
	if err := batch.Decode(&rows, e.Schema, &d); err != nil {
		return err
	}
	if err := rows.CheckOffsets(); err != nil {
		return err
	}
	if (h.Flags&frame.Unordered != 0) != e.Unordered || h.Tick == 0 {
		return fmt.Errorf("%w: a frame with flags %#x of tick %d on edge %d", ErrProtocol, h.Flags, h.Tick, e.ID)
	}
	if h.Flags&frame.Dense != 0 {
		return denseRuns(&d, &rows, visit)
	}
	for i := range int(d.SubBatches) {
		s := d.SubBatch(i)
		r := Run{Source: s.Source, Destination: s.Destination, Rows: &rows, From: int(s.FirstRow), Count: int(s.Rows), First: uint64(s.FirstIndex), named: true}
		if err := visit(&r); err != nil {
			return err
		}
	}
	return nil
}

func denseRuns(d *frame.DataFrame, rows *batch.Batch, visit func(r *Run) error) error {
	first, count := d.DenseRange()
	for i := range count {
		from, n := d.DenseRows(i)
		if n == 0 {
			continue
		}
		if err := visit(&Run{Destination: first + frame.TaskID(i), Rows: rows, From: from, Count: n}); err != nil {
			return err
		}
	}
	return nil
}

// Sum is the sum of the hashes of a run's rows, of what they are and, on ordered edges, of their places in the channel. Sums of the runs of a tick add
// up to the same, however its frames are cut, if, and as good as only if, the rows are the same.
func (e *Edge) Sum(r *Run) uint64 {
	src := r.Source
	if e.Unordered {
		src = 0
	}
	// Odd, so that multiplication by it loses nothing, and another one for each channel.
	channel := (uint64(src)<<32|uint64(r.Destination))*0x9E3779B97F4A7C15<<1 | 1
	return channel * batch.RowSums(r.Rows, nil, r.From, r.From+r.Count, r.First, !e.Unordered)
}
