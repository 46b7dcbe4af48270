package ops

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state"
)

// IntervalJoinConfig joins rows with equal keys whose starts are near each other: LowerUs <= right.Vs - left.Vs <= UpperUs. Ends are not looked
// at; each pair is a point at the later of the two starts. A null in a key matches nothing.
type IntervalJoinConfig struct {
	Left, Right      *batch.Schema
	LeftKeys         []int // as many as RightKeys, of the same kinds
	RightKeys        []int
	LowerUs, UpperUs int64
	Columns          []JoinColumn
}

// Output is the schema of the rows: points with the chosen columns. Errors wrap ErrConfig.
func (c *IntervalJoinConfig) Output() (*batch.Schema, error) {
	sides := c.sides()
	if err := sides.check("interval join"); err != nil {
		return nil, err
	}
	if c.LowerUs > c.UpperUs || c.LowerUs < -windowMaxUs || c.UpperUs > windowMaxUs {
		return nil, fmt.Errorf("%w: interval join: from %d to %d µs, want an interval within ±%d", ErrConfig, c.LowerUs, c.UpperUs, int64(windowMaxUs))
	}
	out := &batch.Schema{}
	return out, sides.fields(out, false)
}

func (c *IntervalJoinConfig) sides() *joinSides {
	return &joinSides{in: [2]*batch.Schema{c.Left, c.Right}, keys: [2][]int{c.LeftKeys, c.RightKeys}, columns: c.Columns}
}

// NewIntervalJoin returns an interval join in its initial state: a join of lifetimes in which a left row lives while its matches may start,
// [Vs + lower, Vs + upper], and right rows are points.
func NewIntervalJoin(cfg IntervalJoinConfig, pages state.Pages) (*Join, error) {
	if _, err := cfg.Output(); err != nil {
		return nil, err
	}
	j, err := newJoin(cfg.sides(), [2]bool{Left: true}, false, pages)
	if err == nil {
		j.bounds = &interval{cfg.LowerUs, cfg.UpperUs}
	}
	return j, err
}

// interval is the bounds of an interval join, in microseconds.
type interval struct{ lower, upper int64 }

// check refuses times whose sums with the bounds would overflow.
func (b *interval) check(rows *batch.Batch) error {
	for i, vs := range rows.Vs {
		if vs < -timeMax || vs > timeMax {
			return fmt.Errorf("interval join: row %d has Vs %d, beyond ±%d µs", i, vs, int64(timeMax))
		}
	}
	return nil
}

// lifetime is when a row that starts at vs is to be met.
func (b *interval) lifetime(side Side, vs int64) (from, to int64) {
	if side == Right {
		return vs, vs + 1
	}
	return vs + b.lower, vs + b.upper + 1
}

// emitTimes appends the later of the starts of a row and of the chosen kept rows.
func (b *interval) emitTimes(dst *batch.Builder, arriving Side, vs int64, blk state.Block, sel []int32) {
	shift := int64(0)
	if arriving == Right {
		shift = b.lower
	}
	from := blk.Vs()
	out := extend(&dst.Vs, len(sel))
	for i, r := range sel {
		out[i] = max(vs, from[r]-shift)
	}
}

// rightEnd is the time up to which right rows have met all they can at a CTI: a left row from then on lives from lower beyond it.
func (b *interval) rightEnd(cti frame.CTI) int64 {
	switch {
	case cti < -timeMax:
		return int64(frame.MinCTI)
	case cti > timeMax:
		return int64(frame.MaxCTI)
	}
	return int64(cti) + b.lower
}
