package frame

import (
	"bytes"
	"testing"
)

func FuzzHeader(f *testing.F) {
	f.Add(dataFrame([]SubBatch{{Rows: 1}}, [][]byte{{1, 2, 3}}), 4096)
	f.Add(make([]byte, HeaderLen), 64)
	f.Fuzz(func(t *testing.T, b []byte, maxLen int) {
		if len(b) < HeaderLen {
			return
		}
		h := DecodeHeader(b)
		again := make([]byte, HeaderLen)
		PutHeader(again, &h)
		if !bytes.Equal(again, b[:HeaderLen]) {
			t.Errorf("decoded %+v encodes to other bytes", h)
		}
		if h.Valid(maxLen) == nil && (int(h.Len) > maxLen || h.Len < HeaderLen) {
			t.Errorf("valid: %+v of at most %d", h, maxLen)
		}
		_ = VerifySum(b)
	})
}

// FuzzParseData: whatever parses can be read without a bounds check.
func FuzzParseData(f *testing.F) {
	f.Add(dataFrame([]SubBatch{{Source: 1, Destination: 2, Rows: 5}, {FirstRow: 5, Rows: 1}}, [][]byte{make([]byte, 48), {1}}))
	f.Add(denseFrame(7, []uint32{0, 2, 2, 9}, [][]byte{make([]byte, 72)}))
	f.Add(denseFrame(0, []uint32{0}, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < HeaderLen {
			return
		}
		d, err := parse(b)
		if err != nil {
			return
		}
		rows := 0
		if d.Flags&Dense != 0 {
			_, count := d.DenseRange()
			for i := range count {
				first, n := d.DenseRows(i)
				if first != rows || n < 0 {
					t.Errorf("dense rows %d+%d after %d", first, n, rows)
				}
				rows += n
			}
		} else {
			for i := range int(d.SubBatches) {
				rows += int(d.SubBatch(i).Rows)
			}
		}
		if d.Rows() != rows {
			t.Errorf("rows: got %d, want %d", d.Rows(), rows)
		}
		for i := range int(d.Buffers) {
			_ = d.Buffer(i)
		}
	})
}

func FuzzParseClose(f *testing.F) {
	f.Add(closeFrame([]CloseEntry{{First: 1, Last: 2, FirstTick: 3, LastTick: 3, CTI: 4, Rows: 5}, {FirstTick: 1, LastTick: MaxTick, CTI: MaxCTI}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < HeaderLen {
			return
		}
		entries, err := parseClose(b)
		if err != nil {
			return
		}
		again := closeFrame(entries)
		if !bytes.Equal(again[HeaderLen:], b[HeaderLen:]) {
			t.Errorf("parsed %+v encodes to other bytes", entries)
		}
	})
}
