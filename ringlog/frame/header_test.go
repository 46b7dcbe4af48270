package frame

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// The byte table is on the wire and on disk: these bytes never change.
func TestHeaderGolden(t *testing.T) {
	h := Header{
		Len: 0x01020304, Type: Close, Flags: Unordered | Dense, SubBatches: 0x0506, Sum: 0x0708090a0b0c0d0e, Pos: 0x1112131415161718,
		Tick: 0x2122232425262728, OldestNs: 0x3132333435363738, Incarnation: 0x41424344, Edge: 0x45464748, Node: 0x494a4b4c,
		Core: 0x4d4e, Buffers: 0x4f50, Prev: 0x5152535455565758,
	}
	const want = "04030201" + "04" + "0c" + "0605" + "0e0d0c0b0a090807" + "1817161514131211" + "2827262524232221" + "3837363534333231" +
		"44434241" + "48474645" + "4c4b4a49" + "4e4d" + "504f" + "5857565554535251"
	b := make([]byte, HeaderLen)
	PutHeader(b, &h)
	if got := hex.EncodeToString(b); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

var drawHeader = rapid.Custom(func(t *rapid.T) Header {
	return Header{
		Len: rapid.Int32().Draw(t, "len"), Type: Type(rapid.Byte().Draw(t, "type")), Flags: Flags(rapid.Byte().Draw(t, "flags")),
		SubBatches: rapid.Uint16().Draw(t, "subs"), Sum: rapid.Uint64().Draw(t, "sum"), Pos: Pos(rapid.Uint64().Draw(t, "pos")),
		Tick: Tick(rapid.Uint64().Draw(t, "tick")), OldestNs: rapid.Int64().Draw(t, "oldest"),
		Incarnation: Incarnation(rapid.Uint32().Draw(t, "incarnation")), Edge: EdgeID(rapid.Uint32().Draw(t, "edge")),
		Node: NodeID(rapid.Uint32().Draw(t, "node")), Core: CoreID(rapid.Uint16().Draw(t, "core")),
		Buffers: rapid.Uint16().Draw(t, "buffers"), Prev: Pos(rapid.Uint64().Draw(t, "prev")),
	}
})

func TestHeaderRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawHeader.Draw(t, "header")
		b := make([]byte, HeaderLen)
		PutHeader(b, &want)
		if got := DecodeHeader(b); got != want {
			t.Fatalf("got %+v, want %+v", got, want)
		}
	})
}

func TestHeaderValid(t *testing.T) {
	good := Header{Len: 200, Type: Data, SubBatches: 2, Buffers: 11}
	tests := map[string]struct {
		change func(*Header)
		want   error
	}{
		"good":             {func(*Header) {}, nil},
		"full tables":      {func(h *Header) { h.SubBatches, h.Buffers = 5, 2 }, nil},
		"never written":    {func(h *Header) { h.Len = 0 }, ErrNotWritten},
		"claimed":          {func(h *Header) { h.Len = -200 }, ErrNotWritten},
		"short":            {func(h *Header) { h.Len, h.SubBatches, h.Buffers = 63, 0, 0 }, ErrCorrupt},
		"longer than room": {func(h *Header) { h.Len = 257 }, ErrCorrupt},
		"no type":          {func(h *Header) { h.Type = 0 }, ErrCorrupt},
		"unknown type":     {func(h *Header) { h.Type = End + 1 }, ErrCorrupt},
		"unknown flag":     {func(h *Header) { h.Flags = 16 }, ErrCorrupt},
		"dense, ordered":   {func(h *Header) { h.Flags = Dense }, ErrCorrupt},
		"dense":            {func(h *Header) { h.Flags, h.SubBatches = Dense|Unordered, MaxSubBatches }, nil},
		"many sub-batches": {func(h *Header) { h.SubBatches = 3 }, ErrCorrupt},
		"many buffers":     {func(h *Header) { h.Buffers = 12 }, ErrCorrupt},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := good
			test.change(&h)
			if err := h.Valid(256); !errors.Is(err, test.want) || (err != nil) != (test.want != nil) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := make([]byte, rapid.IntRange(HeaderLen, 300).Draw(t, "len"))
		PutHeader(b, &Header{Len: int32(len(b)), Type: Mark, Tick: 7})
		copy(b[HeaderLen:], rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "payload"))
		if err := VerifySum(b); err != nil {
			t.Fatalf("no sum: %v", err)
		}
		PutSum(b)
		if err := VerifySum(b); err != nil {
			t.Fatalf("summed: %v", err)
		}
		if first := bytes.Clone(b[:8]); ChecksumAs(le64(first), append(make([]byte, 8), b[8:]...)) != Checksum(b) {
			t.Fatal("ChecksumAs of a frame whose first word is not stored yet differs from Checksum")
		}
		if err := VerifySum(b[:len(b)-1]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut: %v", err)
		}
		at := rapid.IntRange(0, len(b)-1).Draw(t, "damaged byte")
		b[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if summed := Flags(b[offFlags])&Summed != 0; summed && VerifySum(b) == nil {
			t.Fatalf("damage at %d was not seen", at)
		}
	})
}

func le64(b []byte) (v uint64) {
	for i := range 8 {
		v |= uint64(b[i]) << (8 * i)
	}
	return v
}

func TestPadLen(t *testing.T) {
	for n, want := range map[int]int{0: 0, 1: 64, 63: 64, 64: 64, 65: 128} {
		if got := PadLen(n); got != want {
			t.Errorf("%d: got %d, want %d", n, got, want)
		}
	}
}

func TestNames(t *testing.T) {
	for typ := Data; typ < typeEnd; typ++ {
		if s := typ.String(); s == "" || s != strings.ToUpper(s) {
			t.Errorf("type %d: %q", uint8(typ), s)
		}
	}
	if s := (typeEnd + 3).String(); s != "type 12" {
		t.Errorf("unknown type: %q", s)
	}
	if s := (Chain{3, 4}).String() + ", " + (Position{5, 6}).String(); s != "edge 3 to node 4, 5.6" {
		t.Errorf("got %q", s)
	}
}

func TestPositionsAreOrdered(t *testing.T) {
	ordered := []Position{{0, 0}, {0, 1}, {1, 0}, {1, 1<<32 - 1}, {2, 0}, {MaxTick, 0}}
	for i, p := range ordered {
		for j, q := range ordered {
			if p.Less(q) != (i < j) {
				t.Errorf("%v before %v: got %v", p, q, p.Less(q))
			}
		}
	}
}
