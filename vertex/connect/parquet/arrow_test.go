package parquet

import (
	"testing"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex/connect/internal/connecttest"
)

// wrap makes a column of a batch an Arrow array over the same memory: the layouts are the same, so there is nothing to convert.
func wrap(c *batch.Column) arrow.Array {
	valid, bit := c.Validity().Raw()
	buffers := []*memory.Buffer{nil}
	if c.Nulls() {
		buffers[0] = memory.NewBufferBytes(valid)
	}
	var typ arrow.DataType
	switch c.Kind() {
	case batch.Bool:
		bits, _ := c.Bools().Raw()
		typ, buffers = arrow.FixedWidthTypes.Boolean, append(buffers, memory.NewBufferBytes(bits))
	case batch.Float64:
		typ, buffers = arrow.PrimitiveTypes.Float64, append(buffers, bytesOf(c.Float64s()))
	case batch.Timestamp:
		typ, buffers = arrow.FixedWidthTypes.Timestamp_us, append(buffers, bytesOf(c.Int64s()))
	case batch.String, batch.Bytes:
		offsets, data := c.Var()
		typ, buffers = arrow.BinaryTypes.String, append(buffers, bytesOf(offsets), memory.NewBufferBytes(data))
		if c.Kind() == batch.Bytes {
			typ = arrow.BinaryTypes.Binary
		}
	default:
		typ, buffers = arrow.PrimitiveTypes.Int64, append(buffers, bytesOf(c.Int64s()))
	}
	data := array.NewData(typ, c.Len(), buffers, nil, array.UnknownNullCount, bit)
	defer data.Release()
	return array.MakeFromData(data)
}

func bytesOf[T any](v []T) *memory.Buffer {
	var t T
	return memory.NewBufferBytes(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(t))))
}

func arrowCell(a arrow.Array, i int) any {
	if a.IsNull(i) {
		return nil
	}
	switch a := a.(type) {
	case *array.Boolean:
		return a.Value(i)
	case *array.Float64:
		return a.Value(i)
	case *array.Timestamp:
		return int64(a.Value(i))
	case *array.String:
		return a.Value(i)
	case *array.Binary:
		return string(a.Value(i))
	}
	return a.(*array.Int64).Value(i)
}

// The buffers of a batch are Arrow's: wrapped, not copied, and sliced at odd bits they still hold the same values.
func TestBatchesAreArrow(t *testing.T) {
	s := &batch.Schema{Fields: []batch.Field{
		{Name: "i", Kind: batch.Int64, Nullable: true}, {Name: "f", Kind: batch.Float64}, {Name: "b", Kind: batch.Bool, Nullable: true},
		{Name: "t", Kind: batch.Timestamp, Nullable: true}, {Name: "s", Kind: batch.String, Nullable: true}, {Name: "x", Kind: batch.Bytes},
	}}
	rows := batch.NewBuilder(s)
	for i := range 37 {
		rows.AppendTime(int64(i), 0, 1)
		for c := range rows.Cols {
			appendTestCell(&rows.Cols[c], i+c)
		}
	}
	view := rows.View()
	for c := range view.Cols {
		col := &view.Cols[c]
		whole := wrap(col)
		defer whole.Release()
		for _, from := range []int{0, 1, 3, 8, 13, 36, 37} {
			for to := from; to <= 37; to += 5 {
				a := array.NewSlice(whole, int64(from), int64(to))
				ours := col.Slice(from, to)
				for i := range ours.Len() {
					want := connecttest.Cell(&ours, i)
					if col.Kind() == batch.Bytes {
						want = string(ours.Bytes(i))
					}
					if got := arrowCell(a, i); got != want {
						t.Fatalf("%v, rows %d to %d: row %d: got %v, want %v", col.Kind(), from, to, i, got, want)
					}
				}
				a.Release()
			}
		}
	}
	ints := wrap(&view.Cols[0]).(*array.Int64)
	if &ints.Int64Values()[0] != &view.Cols[0].Int64s()[0] {
		t.Error("integers were copied")
	}
	_, data := view.Cols[4].Var()
	if text := wrap(&view.Cols[4]).(*array.String); &text.ValueBytes()[0] != &data[0] {
		t.Error("text was copied")
	}
}

func appendTestCell(c *batch.ColumnBuilder, v int) {
	if c.Nullable && v%3 == 0 {
		c.AppendNull()
		return
	}
	switch c.Kind {
	case batch.Bool:
		c.AppendBool(v%2 == 0)
	case batch.Float64:
		c.AppendFloat64(float64(v) / 2)
	case batch.String, batch.Bytes:
		c.AppendString("some text"[v%9:])
	default:
		c.AppendInt64(int64(v))
	}
	c.SetValid(true)
}
