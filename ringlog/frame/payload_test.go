package frame

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// dataFrame builds a DATA frame with the given sub-batches and buffers. It is the test's own encoder, written from the byte table.
func dataFrame(subs []SubBatch, buffers [][]byte) []byte {
	at := HeaderLen + len(subs)*SubBatchLen + len(buffers)*BufferLen
	b := make([]byte, at)
	for i, s := range subs {
		PutSubBatch(b[HeaderLen+i*SubBatchLen:], s)
	}
	return withBuffers(b, Header{Type: Data, SubBatches: uint16(len(subs))}, HeaderLen+len(subs)*SubBatchLen, buffers)
}

func denseFrame(first TaskID, starts []uint32, buffers [][]byte) []byte {
	dir := DenseDirLen(len(starts) - 1)
	b := make([]byte, HeaderLen+dir+len(buffers)*BufferLen)
	PutDenseDir(b[HeaderLen:], first, starts)
	return withBuffers(b, Header{Type: Data, Flags: Dense | Unordered}, HeaderLen+dir, buffers)
}

func withBuffers(b []byte, h Header, table int, buffers [][]byte) []byte {
	for i, buf := range buffers {
		b = append(b, make([]byte, PadLen(len(b))-len(b))...)
		PutBuffer(b[table+i*BufferLen:], len(b), len(buf))
		b = append(b, buf...)
	}
	h.Len, h.Buffers = int32(len(b)), uint16(len(buffers))
	PutHeader(b, &h)
	return b
}

func parse(b []byte) (DataFrame, error) {
	h := DecodeHeader(b)
	if err := h.Valid(len(b)); err != nil {
		return DataFrame{}, err
	}
	return ParseData(h, b)
}

var drawBuffers = rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 200), 0, 6)

func TestDataRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		subs := make([]SubBatch, rapid.IntRange(0, 20).Draw(t, "sub-batches"))
		rows := uint32(0)
		for i := range subs {
			subs[i] = SubBatch{
				Source: TaskID(rapid.Uint32().Draw(t, "source")), Destination: TaskID(rapid.Uint32().Draw(t, "destination")),
				FirstIndex: Index(rapid.Uint32().Draw(t, "index")), FirstRow: rows, Rows: rapid.Uint32Range(1, 1000).Draw(t, "rows"),
			}
			rows += subs[i].Rows
		}
		buffers := drawBuffers.Draw(t, "buffers")
		f, err := parse(dataFrame(subs, buffers))
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range subs {
			if got := f.SubBatch(i); got != want {
				t.Fatalf("sub-batch %d: got %+v, want %+v", i, got, want)
			}
		}
		if f.Rows() != int(rows) {
			t.Fatalf("rows: got %d, want %d", f.Rows(), rows)
		}
		checkBuffers(t, &f, buffers)
	})
}

func checkBuffers(t *rapid.T, f *DataFrame, want [][]byte) {
	for i := range want {
		if got := f.Buffer(i); !bytes.Equal(got, want[i]) || cap(got) != len(got) {
			t.Fatalf("buffer %d: got %x, want %x", i, got, want[i])
		}
	}
}

func TestDenseRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		counts := rapid.SliceOfN(rapid.Uint32Range(0, 100), 1, 40).Draw(t, "counts")
		starts := []uint32{0}
		for _, n := range counts {
			starts = append(starts, starts[len(starts)-1]+n)
		}
		first := TaskID(rapid.Uint32Range(0, 1<<32-41).Draw(t, "first"))
		buffers := drawBuffers.Draw(t, "buffers")
		f, err := parse(denseFrame(first, starts, buffers))
		if err != nil {
			t.Fatal(err)
		}
		if gotFirst, count := f.DenseRange(); gotFirst != first || count != len(counts) {
			t.Fatalf("range: got %d+%d, want %d+%d", gotFirst, count, first, len(counts))
		}
		for i, want := range counts {
			if at, n := f.DenseRows(i); at != int(starts[i]) || n != int(want) {
				t.Fatalf("destination %d: got rows %d+%d, want %d+%d", i, at, n, starts[i], want)
			}
		}
		if f.Rows() != int(starts[len(starts)-1]) {
			t.Fatalf("rows: got %d, want %d", f.Rows(), starts[len(starts)-1])
		}
		checkBuffers(t, &f, buffers)
	})
}

func TestDataRefused(t *testing.T) {
	sub := SubBatch{Source: 1, Destination: 2, Rows: 5}
	next := SubBatch{Source: 1, Destination: 3, FirstRow: 5, Rows: 5}
	put32 := func(b []byte, at int, v uint32) []byte { binary.LittleEndian.PutUint32(b[at:], v); return b }
	buf := [][]byte{make([]byte, 40)}
	table := HeaderLen + SubBatchLen
	gap, overlap, empty, huge := next, next, next, next
	gap.FirstRow, overlap.FirstRow, empty.Rows, huge.Rows = 6, 4, 0, 1<<31
	dense := func(starts ...uint32) []byte { return denseFrame(0, starts, buf) }
	tests := map[string][]byte{
		"gap":               dataFrame([]SubBatch{sub, gap}, nil),
		"overlap":           dataFrame([]SubBatch{sub, overlap}, nil),
		"empty sub-batch":   dataFrame([]SubBatch{sub, empty}, nil),
		"too many rows":     dataFrame([]SubBatch{sub, huge}, nil),
		"unaligned buffer":  put32(dataFrame([]SubBatch{sub}, buf), table, 100),
		"buffer over table": put32(dataFrame([]SubBatch{sub}, buf), table, 64),
		"buffer beyond end": put32(dataFrame([]SubBatch{sub}, buf), table+4, 41),
		"buffer wraps":      put32(dataFrame([]SubBatch{sub}, buf), table+4, 1<<32-1),
		"buffer far away":   put32(dataFrame([]SubBatch{sub}, buf), table, 1<<32-64),
		"another type":      put32(dataFrame([]SubBatch{sub}, buf), 4, uint32(Mark)),
		"dense: backwards":  dense(0, 5, 4),
		"dense: from 1":     dense(1, 5),
		"dense: many rows":  dense(0, 1<<31),
		"dense: no tasks":   put32(dense(0, 5), HeaderLen+4, 0),
		"dense: count":      put32(dense(0, 5), HeaderLen+4, 1<<32-1),
	}
	for name, b := range tests {
		if _, err := parse(b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: got %v, want ErrCorrupt", name, err)
		}
	}
	short := dense(0, 5)[:HeaderLen]
	if _, err := ParseData(Header{Len: HeaderLen, Type: Data, Flags: Dense | Unordered}, short); !errors.Is(err, ErrCorrupt) {
		t.Errorf("dense without a directory: %v", err)
	}
	good := dataFrame([]SubBatch{sub, next}, buf)
	if _, err := ParseData(DecodeHeader(good), good[:len(good)-1]); !errors.Is(err, ErrCorrupt) {
		t.Errorf("cut: %v", err)
	}
}

// Task numbers end at 2^32-1: a dense range may end there, not beyond.
func TestDenseRangeEnds(t *testing.T) {
	if _, err := parse(denseFrame(1<<32-2, []uint32{0, 1, 2}, nil)); err != nil {
		t.Errorf("up to the last task: %v", err)
	}
	if _, err := parse(denseFrame(1<<32-2, []uint32{0, 1, 2, 3}, nil)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("beyond the last task: %v", err)
	}
}

func closeFrame(entries []CloseEntry) []byte {
	b := make([]byte, HeaderLen+len(entries)*CloseEntryLen)
	for i, e := range entries {
		PutCloseEntry(b[HeaderLen+i*CloseEntryLen:], e)
	}
	PutHeader(b, &Header{Len: int32(len(b)), Type: Close})
	return b
}

func parseClose(b []byte) ([]CloseEntry, error) {
	h := DecodeHeader(b)
	if err := h.Valid(len(b)); err != nil {
		return nil, err
	}
	return ParseClose(h, b, nil)
}

func TestCloseRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := make([]CloseEntry, rapid.IntRange(1, 10).Draw(t, "entries"))
		for i := range want {
			e := &want[i]
			e.First = TaskID(rapid.Uint32().Draw(t, "first"))
			e.Last = TaskID(rapid.Uint32Range(uint32(e.First), 1<<32-1).Draw(t, "last"))
			e.FirstTick = Tick(rapid.Uint64Range(1, 1<<64-1).Draw(t, "tick"))
			e.LastTick = Tick(rapid.Uint64Range(uint64(e.FirstTick), 1<<64-1).Draw(t, "last tick"))
			e.CTI = CTI(rapid.Int64().Draw(t, "cti"))
			if e.FirstTick == e.LastTick {
				e.Rows = rapid.Uint64().Draw(t, "rows")
			}
		}
		if got, err := parseClose(closeFrame(want)); err != nil || !slices.Equal(got, want) {
			t.Fatalf("got %+v, want %+v (%v)", got, want, err)
		}
	})
}

func TestCloseRefused(t *testing.T) {
	good := CloseEntry{First: 1, Last: 2, FirstTick: 3, LastTick: 3, CTI: 4, Rows: 5}
	tests := map[string]func(*CloseEntry){
		"tasks backwards": func(e *CloseEntry) { e.Last = 0 },
		"ticks backwards": func(e *CloseEntry) { e.LastTick = 2 },
		"tick 0":          func(e *CloseEntry) { e.FirstTick = 0 },
		"rows of a range": func(e *CloseEntry) { e.LastTick = 4 },
	}
	for name, change := range tests {
		e := good
		change(&e)
		if _, err := parseClose(closeFrame([]CloseEntry{good, e})); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: got %v, want ErrCorrupt", name, err)
		}
	}
	for name, b := range map[string][]byte{
		"no entry": closeFrame(nil), "half an entry": closeFrame([]CloseEntry{good})[:HeaderLen+20], "DATA": dataFrame(nil, nil),
	} {
		h := DecodeHeader(b)
		h.Len = int32(len(b))
		if _, err := ParseClose(h, b, nil); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: got %v, want ErrCorrupt", name, err)
		}
	}
}
