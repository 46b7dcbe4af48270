package ops

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
)

// OrderColumn is a column to order by.
type OrderColumn struct {
	Column     int
	Descending bool // nulls then come last
}

// OrderConfig puts rows into a total order that depends on nothing but the rows: Vs, Ve, the given columns, then all columns by value. Nulls come
// before values, NaN after all numbers. Rows that are equal in everything are the same row.
type OrderConfig struct {
	Input *batch.Schema
	By    []OrderColumn
}

// Output is the schema of the rows, that of the input. Errors wrap ErrConfig.
func (c *OrderConfig) Output() (*batch.Schema, error) {
	if err := appendOnly("order", c.Input); err != nil {
		return nil, err
	}
	for _, by := range c.By {
		if by.Column < 0 || by.Column >= len(c.Input.Fields) {
			return nil, fmt.Errorf("%w: order: column %d of %v", ErrConfig, by.Column, c.Input)
		}
	}
	return c.Input, nil
}

// Order holds rows until no earlier one can come: Close emits those with Vs below the CTI.
//
// A row is kept as a point at its Vs, so that the rows that have expired are those that were emitted; its end is a cell. Blocks lie in the time
// index by the first row that is still to come out.
type Order struct {
	ended
	hasVe bool
	by    []orderBy
	kept  *keptRows
	rows  *state.Multimap
	due   []heldRow // of the Close under way, in order
	next  int
	going bool
	spent []state.Block
	one   [1]int32
}

type orderBy struct {
	column     *keptColumn
	descending bool
}

// heldRow is a row with the first part of its order.
type heldRow struct {
	vs, ve int64
	blk    state.Block
	row    int32
}

// cellEnd is the cell with a row's Ve, if it has one.
const cellEnd = 0

// NewOrder returns an order in its initial state.
func NewOrder(cfg OrderConfig, pages state.Pages) (*Order, error) {
	if _, err := cfg.Output(); err != nil {
		return nil, err
	}
	o := &Order{ended: notEnded(), hasVe: cfg.Input.HasVe}
	cols, own := make([]int, len(cfg.Input.Fields)), 0
	for i := range cols {
		cols[i] = i
	}
	if o.hasVe {
		own = 1
	}
	o.kept = keep(cfg.Input, cols, own, state.RowShape{})
	for _, by := range cfg.By {
		o.by = append(o.by, orderBy{o.kept.find(by.Column), by.Descending})
	}
	var err error
	if o.rows, err = state.NewMultimap(pages, o.kept.shape); err != nil {
		return nil, fmt.Errorf("%w: order: %w", ErrConfig, err)
	}
	return o, nil
}

// Execute implements vertex.Vertex; it takes all rows.
func (o *Order) Execute(_ int, rows *batch.Batch, _ *vertex.Outbox) (int, error) {
	if err := o.check("order", rows); err != nil || rows.N == 0 {
		return 0, err
	}
	chains, err := o.rows.Put(0, nil)
	if err != nil {
		return 0, fmt.Errorf("order: %w", err)
	}
	for i, vs := range rows.Vs {
		cells, vars := o.kept.pack(rows, i)
		if o.hasVe {
			cells[cellEnd] = uint64(rows.Ve[i])
		}
		blk, _, err := o.rows.Add(chains, 0, 0, vs, afterStart(vs), cells, vars)
		if err != nil {
			return i, fmt.Errorf("order: %w", err)
		}
		if o.rows.DueAt(0, blk) > afterStart(vs) {
			o.rows.SetDue(0, blk, afterStart(vs))
		}
	}
	return rows.N, nil
}

// afterStart is the first CTI at which a row that starts at vs may come out.
func afterStart(vs int64) int64 {
	if vs == math.MaxInt64 {
		return vs
	}
	return vs + 1
}

// Close implements vertex.Vertex.
func (o *Order) Close(cti frame.CTI, out *vertex.Outbox) (frame.CTI, bool, error) {
	if !o.going {
		o.going = true
		o.collect(int64(cti))
		slices.SortFunc(o.due, o.compare)
	}
	for o.next < len(o.due) {
		room := min(out.Room(), roomAhead, len(o.due)-o.next)
		if room == 0 {
			return 0, false, nil
		}
		for range room {
			o.emit(&o.due[o.next], out.Rows)
			o.next++
		}
	}
	for _, blk := range o.spent {
		o.rows.Drop(0, blk, int64(cti))
	}
	o.rows.Expire(0, int64(cti))
	o.due, o.spent, o.next, o.going = emptied(o.due), emptied(o.spent), 0, false
	o.cti = max(o.cti, cti)
	return cti, true, nil
}

// collect finds the rows that start before cti and have not come out.
func (o *Order) collect(cti int64) {
	for {
		blk, ok := o.rows.TakeDue(0, cti)
		if !ok {
			return
		}
		var ends []uint64
		if o.hasVe {
			ends = blk.Cell(cellEnd)
		}
		next, more := int64(never), false
		for i, vs := range blk.Vs() {
			switch t := afterStart(vs); {
			case t > cti:
				next, more = min(next, t), true
			case t > o.rows.Expired(0):
				r := heldRow{vs: vs, blk: blk, row: int32(i)}
				if ends != nil {
					r.ve = int64(ends[i])
				}
				o.due = append(o.due, r)
			}
		}
		if more {
			o.rows.PutDue(0, blk, next)
		} else {
			o.spent = append(o.spent, blk)
		}
	}
}

func (o *Order) compare(a, b heldRow) int {
	if a.vs != b.vs {
		return cmp.Compare(a.vs, b.vs)
	}
	if a.ve != b.ve {
		return cmp.Compare(a.ve, b.ve)
	}
	for _, by := range o.by {
		if c := o.kept.compareColumn(by.column, a.blk, a.row, b.blk, b.row); c != 0 {
			if by.descending {
				return -c
			}
			return c
		}
	}
	return o.kept.compare(a.blk, a.row, b.blk, b.row)
}

func (o *Order) emit(r *heldRow, dst *batch.Builder) {
	dst.AppendTime(r.vs, r.ve, 1)
	o.one[0] = r.row
	for i := range o.kept.cols {
		o.kept.gather(&dst.Cols[i], &o.kept.cols[i], r.blk, o.one[:])
	}
}

// emptied empties s, or lets go of it if it is much larger than what it held. Nothing of it points into pages any more: they may be unmapped.
func emptied[T any](s []T) []T {
	if cap(s) > 4096 && len(s) < cap(s)/8 {
		return nil
	}
	clear(s)
	return s[:0]
}

// GetSnapshot implements vertex.Vertex.
func (o *Order) GetSnapshot(w vertex.SnapshotWriter) error {
	w.Uint64(uint64(o.cti))
	o.rows.Snapshot(w)
	return nil
}

// Load implements vertex.Vertex.
func (o *Order) Load(r vertex.SnapshotReader) error {
	o.cti = frame.CTI(r.Uint64())
	return o.loaded(r, o.rows.Restore(r))
}

// Image implements vertex.Imager.
func (o *Order) Image(w vertex.SnapshotWriter) ([]state.Part, error) {
	w.Uint64(uint64(o.cti))
	return imageOf(o.rows, 0, w, nil)
}

// LoadImage implements vertex.Imager.
func (o *Order) LoadImage(r vertex.SnapshotReader, parts []state.StoredPart) error {
	o.cti = frame.CTI(r.Uint64())
	im := &storedImage{r: r, parts: parts}
	if err := o.loaded(r, im.load(o.rows, 0)); err != nil {
		return err
	}
	return im.end()
}

// loaded enters what was loaded into the time index. Rows that came out before may be among it: collect passes over them.
func (o *Order) loaded(r vertex.SnapshotReader, err error) error {
	if err != nil {
		return fmt.Errorf("order: %w", err)
	}
	o.rows.EachBlock(0, func(blk state.Block) {
		next := int64(never)
		for _, vs := range blk.Vs() {
			next = min(next, afterStart(vs))
		}
		o.rows.SetDue(0, blk, next)
	})
	return r.Err()
}
