package batch

import (
	"errors"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// FuzzDecodeSchema: any bytes are a schema that encodes to the same bytes, or a refusal.
func FuzzDecodeSchema(f *testing.F) {
	f.Add(mixed.AppendBinary(nil))
	f.Add((&Schema{HasDiff: true}).AppendBinary(nil))
	f.Add([]byte{1, 0, 0xff, 0xff})
	f.Add([]byte{1, 3, 1, 0, 2, 0, 0xff, 0xff, 'x'})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeSchema(b)
		if err != nil {
			if s != nil || !errors.Is(err, ErrSchema) {
				t.Fatalf("got %v with %v", s, err)
			}
			return
		}
		if got := s.AppendBinary(nil); string(got) != string(b) {
			t.Fatalf("%v encodes to % x, came from % x", s, got, b)
		}
		if again, err := DecodeSchema(s.AppendBinary(nil)); err != nil || !again.Equal(s) {
			t.Fatalf("got %v %v, want %v", again, err, s)
		}
	})
}

// FuzzDecode: whatever a peer sends as a frame of whatever schema is refused, or every cell of it can be read.
func FuzzDecode(f *testing.F) {
	src := mixedRows(20).View()
	schema := mixed.AppendBinary(nil)
	f.Add(schema, encodeFrame(src, []int32{0, 3, 7, 19}))
	f.Add(schema, encodeFrame(src, nil))
	f.Add(schema, encodeFrame(src, []int32{1}))
	// A sender that claims two thousand million rows in a small frame.
	huge := encodeFrame(src, []int32{1})
	frame.PutSubBatch(huge[frame.HeaderLen:], frame.SubBatch{Rows: 1<<31 - 1})
	f.Add(schema, huge)
	f.Fuzz(func(t *testing.T, schema, data []byte) {
		s, err := DecodeSchema(schema)
		if err != nil || len(data) < frame.HeaderLen {
			return
		}
		b := aligned(len(data))
		copy(b, data)
		h := frame.DecodeHeader(b)
		if h.Valid(len(b)) != nil {
			return
		}
		fr, err := frame.ParseData(h, b)
		if err != nil {
			return
		}
		var dst Batch
		if err := Decode(&dst, s, &fr); err != nil {
			if !errors.Is(err, frame.ErrCorrupt) || dst.N != 0 {
				t.Fatalf("%d rows with %v", dst.N, err)
			}
			return
		}
		if err := dst.CheckOffsets(); err != nil {
			if !errors.Is(err, frame.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		readAll(t, s, &dst)
	})
}

// readAll touches every cell, also through slices and builders.
func readAll(t *testing.T, s *Schema, b *Batch) {
	want := rowsOf(b)
	half := b.Slice(b.N/2, b.N)
	c := NewBuilder(s)
	c.AppendBatch(b, 0, b.N/2)
	for i := range half.N {
		c.AppendSel(&half, []int32{int32(i)})
	}
	got := rowsOf(c.View())
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("row %d: got %s, want %s", i, got[i], want[i])
		}
	}
}
