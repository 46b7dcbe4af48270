package batch

import (
	"fmt"
	"math"
	"strconv"
	"testing"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// row is what the tests compare: a row as text, all of it.
func row(b *Batch, i int) string {
	s := fmt.Sprintf("%d..%d", b.Vs[i], b.End(i))
	if b.Diff != nil {
		s += fmt.Sprintf(" %+d", b.Diff[i])
	}
	for k := range b.Cols {
		s += " " + cellText(&b.Cols[k], i)
	}
	return s
}

func cellText(c *Column, i int) string {
	switch {
	case c.Null(i):
		return "null"
	case c.Kind() == Bool:
		return strconv.FormatBool(c.Bools().Get(i))
	case c.Kind() == Float64:
		return strconv.FormatUint(math.Float64bits(c.Float64s()[i]), 16)
	case c.Kind().VarLen():
		return strconv.Quote(string(c.Bytes(i)))
	}
	return strconv.FormatInt(c.Int64s()[i], 10)
}

func rowsOf(b *Batch) []string {
	rows := []string{}
	for i := range b.N {
		rows = append(rows, row(b, i))
	}
	return rows
}

func pick(rows []string, sel []int32) []string {
	out := []string{}
	for _, i := range sel {
		out = append(out, rows[i])
	}
	return out
}

func drawSchema(t *rapid.T) *Schema {
	s := &Schema{HasVe: rapid.Bool().Draw(t, "ve"), HasDiff: rapid.Bool().Draw(t, "diff")}
	for i := range rapid.IntRange(0, 7).Draw(t, "fields") {
		s.Fields = append(s.Fields, Field{
			Name:     fmt.Sprintf("c%d", i),
			Kind:     Kind(rapid.IntRange(int(Bool), int(Bytes)).Draw(t, "kind")),
			Nullable: rapid.Bool().Draw(t, "nullable"),
		})
	}
	return s
}

func drawRows(t *rapid.T, s *Schema, maxRows int) *Builder {
	b := NewBuilder(s)
	for range rapid.IntRange(0, maxRows).Draw(t, "rows") {
		vs := rapid.Int64().Draw(t, "vs")
		b.AppendTime(vs, rapid.Int64().Draw(t, "ve"), rapid.SampledFrom([]int64{-1, 1}).Draw(t, "diff"))
		for i := range b.Cols {
			drawCell(t, &b.Cols[i])
		}
	}
	if err := b.Check(); err != nil {
		t.Fatal(err)
	}
	return b
}

func drawCell(t *rapid.T, c *ColumnBuilder) {
	if c.Nullable && rapid.Bool().Draw(t, "null") {
		c.AppendNull()
		return
	}
	switch c.Kind {
	case Bool:
		c.AppendBool(rapid.Bool().Draw(t, "bool"))
	case Float64:
		c.AppendFloat64(rapid.Float64().Draw(t, "float"))
	case String:
		c.AppendString(rapid.StringN(0, 5, 10).Draw(t, "text"))
	case Bytes:
		c.AppendBytes(rapid.SliceOfN(rapid.Byte(), 0, 10).Draw(t, "bytes"))
	default:
		c.AppendInt64(rapid.Int64().Draw(t, "int"))
	}
	c.SetValid(true)
}

// cutOff slices b at any row, so that its bits begin at any offset of a byte.
func cutOff(t *rapid.T, b *Batch) *Batch {
	from := rapid.IntRange(0, b.N).Draw(t, "from")
	s := b.Slice(from, rapid.IntRange(from, b.N).Draw(t, "to"))
	return &s
}

func drawSel(t *rapid.T, n int) []int32 {
	if n == 0 {
		return nil
	}
	return rapid.SliceOfN(rapid.Int32Range(0, int32(n-1)), 0, 2*n).Draw(t, "sel")
}

// aligned returns n zero bytes at an address that is a multiple of 8, as rings and receive buffers are.
func aligned(n int) []byte {
	words := make([]uint64, n/8+1)
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), n)
}

// encodeFrame builds a DATA frame of one sub-batch with the chosen rows.
func encodeFrame(src *Batch, sel []int32) []byte {
	perCol := make([]int, len(src.Cols))
	VarBytes(src, sel, perCol)
	subs := 0
	if len(sel) > 0 {
		subs = 1
	}
	dirEnd := frame.HeaderLen + subs*frame.SubBatchLen
	b := aligned(EncodedLen(src.Schema, dirEnd, len(sel), perCol))
	for i := range b {
		b[i] = 0xee // rings are not clean
	}
	frame.PutHeader(b, &frame.Header{
		Len: int32(len(b)), Type: frame.Data, SubBatches: uint16(subs), Buffers: uint16(src.Schema.Buffers()), Tick: 1,
	})
	if subs > 0 {
		frame.PutSubBatch(b[frame.HeaderLen:], frame.SubBatch{Rows: uint32(len(sel))})
	}
	EncodeRows(b, dirEnd, src, sel, perCol)
	return b
}

func parse(t testing.TB, b []byte) frame.DataFrame {
	t.Helper()
	h := frame.DecodeHeader(b)
	if err := h.Valid(len(b)); err != nil {
		t.Fatal(err)
	}
	f, err := frame.ParseData(h, b)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
