package ops

import (
	"fmt"
	"math"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state"
)

const (
	// timeMax bounds event times in windows, in microseconds either side of 1970: 146,000 years, so that bounds of windows do not overflow.
	timeMax = math.MaxInt64 / 2
	// windowMaxUs bounds the size and the hop of windows.
	windowMaxUs = timeMax / 2
	// windowsPerRowMax bounds how many windows a row may lie in.
	windowsPerRowMax = 1 << 16
)

// WindowConfig groups rows by windows over Vs and key columns: window k is [k x hop, k x hop + size), aligned to 1970-01-01 UTC. With
// hop = size windows tumble; with a smaller hop they overlap and a row counts in each; with a larger one some rows lie in none.
type WindowConfig struct {
	Input      *batch.Schema
	SizeUs     int64
	HopUs      int64 // 0: SizeUs
	Keys       []int
	Aggregates []Aggregate
}

// Output is the schema of the rows: lifetime [window start, window end), the key columns, the aggregates. Errors wrap ErrConfig.
func (c *WindowConfig) Output() (*batch.Schema, error) {
	if err := appendOnly("window", c.Input); err != nil {
		return nil, err
	}
	hop := c.hop()
	switch {
	case c.SizeUs < 1 || c.SizeUs > windowMaxUs:
		return nil, fmt.Errorf("%w: window: size of %d µs, want 1 to %d", ErrConfig, c.SizeUs, int64(windowMaxUs))
	case hop < 1 || hop > windowMaxUs:
		return nil, fmt.Errorf("%w: window: hop of %d µs, want 1 to %d", ErrConfig, hop, int64(windowMaxUs))
	case c.SizeUs/hop > windowsPerRowMax:
		return nil, fmt.Errorf("%w: window: size of %d µs with a hop of %d puts a row in %d windows, at most %d", ErrConfig,
			c.SizeUs, hop, c.SizeUs/hop, windowsPerRowMax)
	}
	fields, err := keyColumns("window", c.Input, c.Keys)
	if err != nil {
		return nil, err
	}
	for i := range c.Aggregates {
		f, err := c.Aggregates[i].field(c.Input)
		if err != nil {
			return nil, err
		}
		fields = append(fields, f)
	}
	if _, cells := makeAccumulators(c.Input, c.Aggregates); cells > state.MaxCells {
		return nil, fmt.Errorf("%w: window: aggregates take %d cells a group, at most %d (a sum of floats takes %d)", ErrConfig,
			cells, state.MaxCells, sumCells)
	}
	out := &batch.Schema{HasVe: true, Fields: fields}
	if err := out.Valid(); err != nil {
		return nil, fmt.Errorf("%w: window: %w", ErrConfig, err)
	}
	return out, nil
}

func (c *WindowConfig) hop() int64 {
	if c.HopUs == 0 {
		return c.SizeUs
	}
	return c.HopUs
}

// grid is the arithmetic of windows.
type grid struct{ size, hop int64 }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// first and last are the windows that vs lies in: first > last if it lies in none.
func (g grid) first(vs int64) int64 { return floorDiv(vs-g.size, g.hop) + 1 }
func (g grid) last(vs int64) int64  { return floorDiv(vs, g.hop) }

func (g grid) start(k int64) int64 { return k * g.hop }
func (g grid) end(k int64) int64   { return k*g.hop + g.size }

// pane is the range [from, to) around vs in which rows lie in the same windows first to last.
func (g grid) pane(vs int64) (from, to, first, last int64) {
	first, last = g.first(vs), g.last(vs)
	from = max(g.start(last), g.end(first-1))
	to = min(g.start(last+1), g.end(first))
	return from, to, first, last
}

// outCTI is the start of the oldest window that has not ended at cti.
func (g grid) outCTI(cti frame.CTI) frame.CTI {
	if cti < -timeMax {
		return frame.MinCTI
	}
	if cti > timeMax {
		return cti // rows beyond timeMax are refused
	}
	return frame.CTI(g.start(g.first(int64(cti))))
}
