package ops

import (
	"bytes"
	"cmp"
	"math"
	"slices"

	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state"
)

// keptColumn says where a column of an input lies in the rows of a state.Multimap.
type keptColumn struct {
	col  int // of the input
	kind batch.Kind
	at   int // cell, number of the variable value, or bit of a bool
	null int // bit of the null mark, -1: never null
}

// keptRows is how rows of an input are kept: cells of the operator's own, then cells of bits (nulls and bools), then a cell or a variable value
// for each column.
type keptRows struct {
	cols  []keptColumn
	shape state.RowShape
	bits  int // first cell of bits
	own   int
	cells []uint64 // scratch of pack
	vars  [][]byte
}

// keep lays out the given columns of rows of s behind own cells.
func keep(s *batch.Schema, cols []int, own int, shape state.RowShape) *keptRows {
	k := &keptRows{own: own, bits: own}
	nbits := 0
	bit := func() int { nbits++; return nbits - 1 }
	for _, col := range cols {
		c := keptColumn{col: col, kind: s.Fields[col].Kind, null: -1}
		if s.Fields[col].Nullable {
			c.null = bit()
		}
		if c.kind == batch.Bool {
			c.at = bit()
		}
		k.cols = append(k.cols, c)
	}
	cell := own + (nbits+63)/64
	nvars := 0
	for i := range k.cols {
		switch c := &k.cols[i]; {
		case c.kind.VarLen():
			c.at = nvars
			nvars++
		case c.kind != batch.Bool:
			c.at = cell
			cell++
		}
	}
	shape.Cells, shape.Vars = cell, nvars
	k.shape = shape
	k.cells, k.vars = make([]uint64, cell), make([][]byte, nvars)
	return k
}

// find returns the place of an input column.
func (k *keptRows) find(col int) *keptColumn {
	i := slices.IndexFunc(k.cols, func(c keptColumn) bool { return c.col == col })
	return &k.cols[i]
}

// pack returns the cells and variable values of a row; they borrow from the batch and from k until the next call. The operator's own cells
// are left for it to fill.
func (k *keptRows) pack(b *batch.Batch, row int) (cells []uint64, vars [][]byte) {
	clear(k.cells[k.bits:])
	for i := range k.cols {
		c := &k.cols[i]
		src := &b.Cols[c.col]
		if c.null >= 0 && src.Null(row) {
			k.cells[k.bits+c.null>>6] |= 1 << (c.null & 63)
			if c.kind.VarLen() {
				k.vars[c.at] = nil
			}
			continue
		}
		switch c.kind {
		case batch.Bool:
			if src.Bools().Get(row) {
				k.cells[k.bits+c.at>>6] |= 1 << (c.at & 63)
			}
		case batch.Float64:
			k.cells[c.at] = math.Float64bits(src.Float64s()[row])
		case batch.String, batch.Bytes:
			k.vars[c.at] = src.Bytes(row)
		default:
			k.cells[c.at] = uint64(src.Int64s()[row])
		}
	}
	return k.cells, k.vars
}

// isNull reports whether a column is null in a row of blk.
func (k *keptRows) isNull(c *keptColumn, blk state.Block, row int32) bool {
	return c.null >= 0 && blk.Cell(k.bits + c.null>>6)[row]>>(c.null&63)&1 != 0
}

func (k *keptRows) isTrue(c *keptColumn, blk state.Block, row int32) bool {
	return blk.Cell(k.bits + c.at>>6)[row]>>(c.at&63)&1 != 0
}

// gather appends a column of the chosen rows of blk to dst.
func (k *keptRows) gather(dst *batch.ColumnBuilder, c *keptColumn, blk state.Block, rows []int32) {
	switch c.kind {
	case batch.Bool:
		for _, r := range rows {
			dst.AppendBool(k.isTrue(c, blk, r))
		}
	case batch.Float64:
		cells := blk.Cell(c.at)
		out := extend(&dst.F64, len(rows))
		for i, r := range rows {
			out[i] = math.Float64frombits(cells[r])
		}
	case batch.String, batch.Bytes:
		for _, r := range rows {
			dst.AppendBytes(blk.Var(c.at, int(r)))
		}
	default:
		cells := blk.Cell(c.at)
		out := extend(&dst.I64, len(rows))
		for i, r := range rows {
			out[i] = int64(cells[r])
		}
	}
	if !dst.Nullable {
		return
	}
	for _, r := range rows {
		dst.SetValid(!k.isNull(c, blk, r))
	}
}

// extend makes s longer by n and returns the new part.
func extend[T any](s *[]T, n int) []T {
	from := len(*s)
	*s = slices.Grow(*s, n)[:from+n]
	return (*s)[from:]
}

// repeat appends row i of src n times.
func repeat(dst *batch.ColumnBuilder, src *batch.Column, i, n int) {
	if src.Null(i) {
		for range n {
			dst.AppendNull()
		}
		return
	}
	switch src.Kind() {
	case batch.Bool:
		v := src.Bools().Get(i)
		for range n {
			dst.AppendBool(v)
		}
	case batch.Float64:
		fill(extend(&dst.F64, n), src.Float64s()[i])
	case batch.String, batch.Bytes:
		repeatBytes(dst, src.Bytes(i), n)
	default:
		fill(extend(&dst.I64, n), src.Int64s()[i])
	}
	if dst.Nullable {
		for range n {
			dst.SetValid(true)
		}
	}
}

func repeatBytes(dst *batch.ColumnBuilder, v []byte, n int) {
	at := int32(len(dst.Data))
	for i, offs := 0, extend(&dst.Offs, n); i < n; i++ {
		at += int32(len(v))
		offs[i] = at
	}
	data := extend(&dst.Data, n*len(v))
	for done := copy(data, v); done < len(data); done *= 2 {
		copy(data[done:], data[:done])
	}
}

func fill[T any](s []T, v T) {
	for i := range s {
		s[i] = v
	}
}

// compare orders two rows by the values of their columns, nulls first, NaN after all numbers; 0 only for rows that are the same.
func (k *keptRows) compare(a state.Block, ra int32, b state.Block, rb int32) int {
	for i := range k.cols {
		if c := k.compareColumn(&k.cols[i], a, ra, b, rb); c != 0 {
			return c
		}
	}
	return 0
}

func (k *keptRows) compareColumn(c *keptColumn, a state.Block, ra int32, b state.Block, rb int32) int {
	if na, nb := k.isNull(c, a, ra), k.isNull(c, b, rb); na || nb {
		return boolInt(nb) - boolInt(na)
	}
	switch c.kind {
	case batch.Bool:
		return boolInt(k.isTrue(c, a, ra)) - boolInt(k.isTrue(c, b, rb))
	case batch.Float64:
		return compareFloatBits(a.Cell(c.at)[ra], b.Cell(c.at)[rb])
	case batch.String, batch.Bytes:
		return bytes.Compare(a.Var(c.at, int(ra)), b.Var(c.at, int(rb)))
	}
	return cmp.Compare(int64(a.Cell(c.at)[ra]), int64(b.Cell(c.at)[rb]))
}

func compareFloatBits(a, b uint64) int {
	if c := cmp.Compare(floatRank(math.Float64frombits(a)), floatRank(math.Float64frombits(b))); c != 0 {
		return c
	}
	return cmp.Compare(int64(a), int64(b)) // -0.0 before 0.0, NaNs by their bits
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
