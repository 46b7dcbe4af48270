package ringlog

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/ringlog/frame"
)

func TestLayout(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		y, err := NewLayout(1 << rapid.IntRange(16, 30).Draw(t, "shift"))
		if err != nil {
			t.Fatal(err)
		}
		n := SegmentNumber(rapid.Uint64Range(0, 1<<33).Draw(t, "number"))
		offset := rapid.IntRange(0, y.Bytes-1).Draw(t, "offset")
		pos := y.Join(n, offset)
		if uint64(pos) != uint64(n)*uint64(y.Bytes)+uint64(offset) {
			t.Fatalf("join %d %d: got %d", n, offset, pos)
		}
		if gotN, gotOffset := y.Split(pos); gotN != n || gotOffset != offset {
			t.Fatalf("split %d: got %d %d, want %d %d", pos, gotN, gotOffset, n, offset)
		}
	})
}

// The longest frame fits, one byte more of padded length does not.
func TestLongestFrame(t *testing.T) {
	a := testArena(t, Heap, 2)
	l := testLog(t, a, LogConfig{})
	mustWrite(t, l, chainA, 1, a.MaxFrame())
	if _, err := write(l, chainA, 1, a.MaxFrame()+1); !errors.Is(err, ErrFrameTooLarge) {
		t.Errorf("%d bytes: %v", a.MaxFrame()+1, err)
	}
}

func TestSegmentHeaderRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := SegmentHeader{
			Identity: Identity{rapid.Uint64().Draw(t, "job"), frame.NodeID(rapid.Uint32().Draw(t, "node")), frame.CoreID(rapid.Uint16().Draw(t, "core"))},
			Relay:    rapid.Bool().Draw(t, "relay"), Incarnation: frame.Incarnation(rapid.Uint32().Draw(t, "incarnation")),
			Number: SegmentNumber(rapid.Uint64Range(0, 1<<34-1).Draw(t, "number")), Bytes: 1 << rapid.IntRange(16, 30).Draw(t, "shift"),
		}
		b := bytes.Repeat([]byte{0xAA}, SegmentHeaderLen)
		putSegmentHeader(b, &h)
		putLE64(b, segmentMagic)
		if got, err := DecodeSegmentHeader(b); err != nil || got != h {
			t.Fatalf("got %+v, want %+v (%v)", got, h, err)
		}
		var want Checkpoint
		for i := range rapid.Uint64Range(0, 5).Draw(t, "checkpoints") {
			want = Checkpoint{i + 1, frame.Pos(rapid.Uint64().Draw(t, "committed")), frame.Pos(rapid.Uint64().Draw(t, "trimmed"))}
			putCheckpoint(b, want)
		}
		if got := latestCheckpoint(b); got != want {
			t.Fatalf("checkpoint %+v, want %+v", got, want)
		}
		if want.Sequence > 1 { // the newest is torn: the one before counts
			b[offCheckpoints+int(want.Sequence&1)*checkpointLen+9] ^= 1
			if got := latestCheckpoint(b); got.Sequence != want.Sequence-1 {
				t.Fatalf("checkpoint %+v after a torn one, want the one before %d", got, want.Sequence)
			}
		}
		b[rapid.IntRange(0, offHeaderSum+7).Draw(t, "damaged byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := DecodeSegmentHeader(b); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("damaged: %v", err)
		}
	})
}

func TestFooterRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mem := bytes.Repeat([]byte{0xAA}, testSegment)
		n := rapid.IntRange(1, 200).Draw(t, "chains")
		ranges, entries := make([]chainRange, n), []entry(nil)
		want := make([][]int, n)
		for i := range ranges {
			ranges[i] = chainRange{chain: frame.Chain{Edge: frame.EdgeID(i), Node: 3}, min: 1, max: frame.Tick(i + 1)}
		}
		offset := SegmentHeaderLen
		for range rapid.IntRange(n, 300).Draw(t, "frames") {
			c := rapid.IntRange(0, n-1).Draw(t, "chain")
			if len(entries) < n {
				c = len(entries)
			}
			entries = append(entries, entry{uint32(offset), uint32(c)})
			ranges[c].frames++
			want[c] = append(want[c], offset)
			offset += 64
		}
		from := putFooter(mem, 7, 2, offset, ranges, entries, make([]uint32, n))
		v, err := parseFooter(mem)
		if err != nil || v.offset != from || v.end != offset || v.number != 7 || v.incarnation != 2 {
			t.Fatalf("got %+v (%v)", v, err)
		}
		for i := range ranges {
			c, first := v.chain(i)
			if c != ranges[i] {
				t.Fatalf("chain %d: got %+v, want %+v", i, c, ranges[i])
			}
			var got []int
			for j := range c.frames {
				got = append(got, v.entry(first+j))
			}
			if !slices.Equal(got, want[i]) {
				t.Fatalf("chain %d: got %v, want %v", i, got, want[i])
			}
		}
		mem[rapid.IntRange(from, len(mem)-1).Draw(t, "damaged byte")] ^= 1
		if _, err := parseFooter(mem); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("damaged: %v", err)
		}
	})
}

// segmentImage is a segment as a writer leaves it: sealed or open, with a claim, PADs and two chains.
func segmentImage(t testing.TB, sealed bool) []byte {
	t.Helper()
	a := testArena(t, Heap, 3)
	l := testLog(t, a, LogConfig{Job: 5, Sums: true, Incarnation: 2})
	for tick := frame.Tick(1); tick < 6; tick++ {
		mustWrite(t, l, chainA, tick, 300)
		mustWrite(t, l, chainB, tick, 100)
	}
	if _, _, err := l.Claim(200); err != nil {
		t.Fatal(err)
	}
	s := l.writer.seg
	if sealed {
		l.Abandon()
		mustWrite(t, l, chainA, 6, 60000)
	}
	return bytes.Clone(s.mem)
}

func TestScanSegment(t *testing.T) {
	for _, sealed := range []bool{false, true} {
		b := segmentImage(t, sealed)
		s, err := ScanSegment(b, nil)
		if err != nil || s.Frames != 10 || s.Sealed != sealed || s.Header.Job != 5 || s.Header.Incarnation != 2 {
			t.Errorf("sealed %v: %+v (%v)", sealed, s, err)
		}
		stale := bytes.Clone(b) // a frame of a stale lap
		putLE64(stale[SegmentHeaderLen+16:], 1<<20)
		if s, err = ScanSegment(stale, nil); err != nil || s.Frames != 0 || !errors.Is(s.Stopped, ErrCorrupt) {
			t.Errorf("misplaced frame: %+v (%v)", s, err)
		}
		if _, err := ScanSegment(b[:len(b)-1], nil); !errors.Is(err, ErrCorrupt) {
			t.Errorf("cut: %v", err)
		}
		if _, err := ScanSegment(nil, nil); !errors.Is(err, ErrCorrupt) {
			t.Errorf("empty: %v", err)
		}
	}
}

// FuzzSegmentHeader gives any fields a good magic, version and sum: what is left to check is their sense.
func FuzzSegmentHeader(f *testing.F) {
	f.Add(segmentImage(f, false)[:256])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, fields []byte) {
		b := make([]byte, SegmentHeaderLen)
		copy(b, fields)
		putLE64(b, segmentMagic)
		b[8], b[9], b[10], b[11] = segmentVersion, 0, 0, 0
		putLE64(b[offHeaderSum:], headerSum(b))
		h, err := DecodeSegmentHeader(b)
		if err != nil {
			return
		}
		latestCheckpoint(b)
		again := bytes.Clone(b[:SegmentHeaderLen])
		putSegmentHeader(again, &h)
		clear(b[36:40]) // reserved
		if !bytes.Equal(again[8:offHeaderSum], b[8:offHeaderSum]) {
			t.Errorf("decoded %+v encodes to other bytes", h)
		}
	})
}

// FuzzScanSegment damages a good segment: at most two runs of bytes are replaced. Whatever they are, the scan ends, and what it
// reports was there.
func FuzzScanSegment(f *testing.F) {
	images := [][]byte{segmentImage(f, false), segmentImage(f, true)}
	f.Add(false, uint32(SegmentHeaderLen), []byte{0, 0, 0, 0, 0, 0, 0, 0}, uint32(0), []byte{})
	f.Add(true, uint32(testSegment-64), []byte{1, 2, 3}, uint32(SegmentHeaderLen+5), []byte{0xff})
	f.Add(true, uint32(56), []byte{0xff, 0xff}, uint32(testSegment-40), []byte{0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, sealed bool, at1 uint32, run1 []byte, at2 uint32, run2 []byte) {
		b := bytes.Clone(images[0])
		if sealed {
			b = bytes.Clone(images[1])
		}
		copy(b[int(at1)%len(b):], run1)
		copy(b[int(at2)%len(b):], run2)
		last := 0
		s, err := ScanSegment(b, func(offset int, h frame.Header) {
			if offset <= last || offset+int(h.Len) > len(b) || h.Valid(len(b)) != nil || frame.VerifySum(b[offset:offset+int(h.Len)]) != nil {
				t.Errorf("frame %+v at %d after %d", h, offset, last)
			}
			last = offset
		})
		if err == nil && (s.End > len(b) || s.End%frame.Align != 0) {
			t.Errorf("%+v", s)
		}
	})
}
