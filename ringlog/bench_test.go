package ringlog

import (
	"testing"
	"unsafe"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// BenchmarkCommit is the cost of an empty frame: everything but filling.
func BenchmarkCommit(b *testing.B) {
	a := testArena(b, Memfd, 4, func(c *ArenaConfig) { c.SegmentBytes, c.LimitBytes = DefaultSegmentBytes, 4*DefaultSegmentBytes })
	l := testLog(b, a, LogConfig{})
	tick := frame.Tick(0)
	b.ReportAllocs()
	for b.Loop() {
		_, _, err := l.Claim(frame.HeaderLen)
		if err != nil {
			b.Fatal(err)
		}
		tick++
		l.Commit(frame.Header{Type: frame.Mark, Tick: tick, Edge: 1, Node: 1})
		if tick%1024 == 0 {
			l.Trim(chainA, tick)
		}
	}
}

func BenchmarkAcquire(b *testing.B) {
	a := testArena(b, Memfd, 4)
	l := testLog(b, a, LogConfig{})
	pos := mustWrite(b, l, chainA, 1, 1000)
	b.ReportAllocs()
	for b.Loop() {
		lease, err := l.Acquire(pos)
		if err != nil {
			b.Fatal(err)
		}
		lease.Release()
	}
}

// BenchmarkRows writes 64 KiB frames of 32-byte rows, and reads and sums them in the same goroutine.
func BenchmarkRows(b *testing.B) {
	const rows = 2046
	a := testArena(b, Memfd, 4, func(c *ArenaConfig) { c.SegmentBytes, c.LimitBytes = DefaultSegmentBytes/4, 4*DefaultSegmentBytes })
	l := testLog(b, a, LogConfig{})
	r := l.Reader(0)
	tick, sum := frame.Tick(0), uint64(0)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		f, _, err := l.Claim(frame.HeaderLen + 32*rows)
		if err != nil {
			b.Fatal(err)
		}
		out := unsafe.Slice((*uint64)(unsafe.Pointer(&f[frame.HeaderLen])), 4*rows)
		for i := range out {
			out[i] = uint64(i) + uint64(tick)
		}
		tick++
		l.Commit(frame.Header{Type: frame.Mark, Tick: tick, Edge: 1, Node: 1})
		r.Poll(1, func(_ frame.Pos, f []byte) bool {
			for _, v := range unsafe.Slice((*uint64)(unsafe.Pointer(&f[frame.HeaderLen])), 4*rows) {
				sum += v
			}
			return true
		})
		l.Trim(chainA, tick)
		n += rows
	}
	if sum == 0 {
		b.Fatal("nothing was read")
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

// BenchmarkSegments: what a segment costs that is got from the system, written once and given back.
func BenchmarkSegments(b *testing.B) {
	for _, backing := range []Backing{Memfd, Anonymous} {
		b.Run(backing.String(), func(b *testing.B) {
			b.SetBytes(DefaultSegmentBytes)
			for b.Loop() {
				m, err := newMapping(backing, "", 0, DefaultSegmentBytes)
				if err != nil {
					b.Fatal(err)
				}
				clear(m.mem)
				if err := m.destroy(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
