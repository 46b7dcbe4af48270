package batch

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/ringlog/frame"
)

func TestFramesGiveBackTheRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSchema(t)
		src := cutOff(t, drawRows(t, s, 60).View())
		sel := drawSel(t, src.N)
		b := encodeFrame(src, sel)
		h := frame.DecodeHeader(b)
		f, err := frame.ParseData(h, b)
		if err != nil {
			t.Fatal(err)
		}
		var got Batch
		if err := Decode(&got, s, &f); err != nil {
			t.Fatal(err)
		}
		if err := got.CheckOffsets(); err != nil {
			t.Fatal(err)
		}
		if want := pick(rowsOf(src), sel); !slices.Equal(rowsOf(&got), want) {
			t.Fatalf("got %v, want %v", rowsOf(&got), want)
		}
		part := cutOff(t, &got)
		again := NewBuilder(s)
		again.AppendBatch(part, 0, part.N)
		if !slices.Equal(rowsOf(again.View()), rowsOf(part)) {
			t.Fatalf("a slice of the frame: got %v, want %v", rowsOf(again.View()), rowsOf(part))
		}
		checkPadding(t, s, &f, b)
	})
}

// checkPadding looks for bytes between buffers that were not zeroed: the same rows must be the same frame.
func checkPadding(t *rapid.T, s *Schema, f *frame.DataFrame, b []byte) {
	end := 0 // of the buffer before
	for i := range s.Buffers() {
		off, n := place(f, b, i)
		for k := end; end > 0 && n > 0 && k < off; k++ {
			if b[k] != 0 {
				t.Fatalf("byte %d before buffer %d is %#x", k, i, b[k])
			}
		}
		if n > 0 {
			end = off + n
		}
	}
}

var mixed = &Schema{HasVe: true, Fields: []Field{
	{"i", Int64, true}, {"s", String, true}, {"b", Bool, false}, {"f", Float64, false}, {"y", Bytes, false},
}}

func mixedRows(n int) *Builder {
	b := NewBuilder(mixed)
	for i := range n {
		b.AppendTime(int64(i), int64(i+1), 1)
		b.Cols[0].AppendInt64(int64(i))
		b.Cols[0].SetValid(i%3 != 0)
		b.Cols[1].AppendString("ATL"[:i%4])
		b.Cols[1].SetValid(i%5 != 0)
		b.Cols[2].AppendBool(i%2 == 0)
		b.Cols[3].AppendFloat64(float64(i) / 2)
		b.Cols[4].AppendBytes([]byte{byte(i)})
	}
	return b
}

func TestEncodeAndDecodeAllocateNothing(t *testing.T) {
	src := mixedRows(1000).View()
	sel := []int32{}
	for i := range 700 {
		sel = append(sel, int32(i*17%1000))
	}
	perCol := make([]int, len(src.Cols))
	b := encodeFrame(src, sel)
	dirEnd := frame.HeaderLen + frame.SubBatchLen
	f := parse(t, b)
	var dst Batch
	dst.Cols = make([]Column, 0, len(mixed.Fields))
	fail := false
	got := testing.AllocsPerRun(50, func() {
		VarBytes(src, sel, perCol)
		fail = fail || EncodedLen(mixed, dirEnd, len(sel), perCol) != len(b)
		EncodeRows(b, dirEnd, src, sel, perCol)
		fail = fail || Decode(&dst, mixed, &f) != nil || dst.CheckOffsets() != nil
	})
	if got != 0 || fail {
		t.Fatalf("%v allocations, failed %v", got, fail)
	}
}

func TestBuilderAllocatesNothingOnceGrown(t *testing.T) {
	src := mixedRows(1000).View()
	b := NewBuilder(mixed)
	sel := []int32{5, 3, 999}
	n := 0
	if got := testing.AllocsPerRun(50, func() {
		b.Reset()
		b.AppendBatch(src, 1, 990)
		b.AppendSel(src, sel)
		n = b.View().N
	}); got != 0 || n != 992 {
		t.Fatalf("%v allocations for %d rows", got, n)
	}
}

// TestDecodeRefuses spoils a good frame in every way a buffer can be wrong.
func TestDecodeRefuses(t *testing.T) {
	src := mixedRows(20).View()
	good := encodeFrame(src, []int32{1, 2, 3, 4})
	table := frame.HeaderLen + frame.SubBatchLen
	for i := range mixed.Buffers() {
		b := aligned(len(good))
		copy(b, good)
		f := parse(t, b)
		off, n := place(&f, b, i)
		if n == 0 {
			continue
		}
		frame.PutBuffer(b[table+i*frame.BufferLen:], off, n-1)
		f = parse(t, b)
		var dst Batch
		err := Decode(&dst, mixed, &f)
		if err == nil {
			err = dst.CheckOffsets() // the data of strings is only measured by their offsets
		}
		if !errors.Is(err, frame.ErrCorrupt) {
			t.Errorf("buffer %d one byte short: got %v", i, err)
		}
	}
	f := parse(t, good)
	var dst Batch
	if err := Decode(&dst, &Schema{}, &f); !errors.Is(err, frame.ErrCorrupt) || !strings.Contains(err.Error(), "buffers") {
		t.Errorf("another schema: got %v", err)
	}
}

func place(f *frame.DataFrame, b []byte, i int) (off, n int) {
	buf := f.Buffer(i)
	for off = 0; len(buf) > 0 && &b[off] != &buf[0]; off++ {
	}
	return off, len(buf)
}

func TestCheckOffsetsRefuses(t *testing.T) {
	for name, offs := range map[string][]int32{
		"begins late": {1, 1, 2}, "falls": {0, 2, 1}, "negative": {0, -1, 1}, "beyond the data": {0, 1, 4},
		"wraps": {0, 1 << 30, -1 << 31}, "below and back": {0, -5, 3},
	} {
		b := Batch{Schema: &Schema{Fields: []Field{{"s", String, false}}}, N: 2, Cols: []Column{{kind: String, n: 2, offs: offs, data: []byte("abc")}}}
		if err := b.CheckOffsets(); !errors.Is(err, frame.ErrCorrupt) {
			t.Errorf("%s %v: got %v", name, offs, err)
		}
	}
	b := Batch{Schema: &Schema{Fields: []Field{{"s", String, false}}}, N: 2, Cols: []Column{{kind: String, n: 2, offs: []int32{0, 0, 3}, data: []byte("abc")}}}
	if err := b.CheckOffsets(); err != nil {
		t.Error(err)
	}
}
