package ringlog

import (
	"bytes"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// TestPadded: what a link sends of a frame in memory is the frame and zeros up to the alignment, whatever lay there before.
func TestPadded(t *testing.T) {
	a, err := NewArena(ArenaConfig{SegmentBytes: 64 << 10, LimitBytes: 128 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	l, err := a.NewLog(LogConfig{Job: 1, Incarnation: 1})
	if err != nil {
		t.Fatal(err)
	}
	for a.Step() {
	}
	for n := frame.HeaderLen; n < frame.HeaderLen+200; n += 7 {
		b, _, err := l.Claim(n)
		if err != nil {
			t.Fatal(err)
		}
		for i := frame.HeaderLen; i < n; i++ {
			b[i] = 0xff
		}
		pos := l.Commit(frame.Header{Type: frame.Data, Tick: 1})
		lease, err := l.Acquire(pos)
		if err != nil {
			t.Fatal(err)
		}
		p := lease.Padded()
		if len(p) != frame.PadLen(n) || !bytes.Equal(p[:n], lease.Bytes()) || len(bytes.Trim(p[n:], "\x00")) != 0 {
			t.Fatalf("frame of %d: %d bytes padded, tail % x", n, len(p), p[n:])
		}
		lease.Release()
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}
