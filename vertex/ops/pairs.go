package ops

import (
	"slices"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state"
)

// pairColumn makes one output column when a row of a given side meets kept rows of the other.
type pairColumn struct {
	fromRow int         // column of the row that arrives, or -1
	kept    *keptColumn // of the kept rows
}

// pairs emits the matches of rows that arrive with rows that are kept.
type pairs struct {
	kept    [2]*keptRows
	columns [2][]pairColumn // by the side of the row that arrives
}

// layout chooses what each side keeps: the columns of the output, less keys that the arriving row has too. The left side of an outer join keeps
// all its output columns, since it also emits alone.
func (p *pairs) layout(j *joinSides, lives [2]bool, outer bool) {
	var cols [2][]int
	for _, c := range j.columns {
		_, twin := j.keyTwin(c.Side, c.Column)
		if (!twin || (outer && c.Side == Left)) && !slices.Contains(cols[c.Side], c.Column) {
			cols[c.Side] = append(cols[c.Side], c.Column)
		}
	}
	for s := range p.kept {
		shape := state.RowShape{HasVe: lives[s]}
		n := 0
		if outer && Side(s) == Left {
			n, shape.Low = outerCells, true
		}
		p.kept[s] = keep(j.in[s], cols[s], n, shape)
	}
	for arriving := range Side(2) {
		for _, c := range j.columns {
			pc := pairColumn{fromRow: -1}
			if c.Side == arriving {
				pc.fromRow = c.Column
			} else if twin, ok := j.keyTwin(c.Side, c.Column); ok {
				pc.fromRow = twin
			} else {
				pc.kept = p.kept[c.Side].find(c.Column)
			}
			p.columns[arriving] = append(p.columns[arriving], pc)
		}
	}
}

// emitColumns appends the payload of the pairs of a row with the chosen rows of blk.
func (p *pairs) emitColumns(dst *batch.Builder, arriving Side, b *batch.Batch, row int, blk state.Block, sel []int32) {
	kept := p.kept[arriving.other()]
	for i, c := range p.columns[arriving] {
		if c.fromRow >= 0 {
			repeat(&dst.Cols[i], &b.Cols[c.fromRow], row, len(sel))
		} else {
			kept.gather(&dst.Cols[i], c.kept, blk, sel)
		}
	}
}

// emitTimes appends the intersections of [vs, ve) with the lifetimes of the chosen rows.
func emitTimes(dst *batch.Builder, vs, ve int64, blk state.Block, sel []int32) {
	out := extend(&dst.Vs, len(sel))
	from := blk.Vs()
	for i, r := range sel {
		out[i] = max(vs, from[r])
	}
	if !dst.Schema.HasVe {
		return
	}
	out = extend(&dst.Ve, len(sel))
	to := blk.Ve()
	if to == nil {
		for i, r := range sel {
			out[i] = min(ve, from[r]+1)
		}
		return
	}
	for i, r := range sel {
		out[i] = min(ve, to[r])
	}
}
