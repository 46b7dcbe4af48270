package runtime

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"testing"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/replica"
)

// The heap grows by as much as it would without images, or by restLeast, but never by more than usual.
func TestGrowth(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 10_000 {
		usual := 1 + rng.IntN(400)
		live, rest := 1+rng.Int64N(1<<(20+rng.IntN(20))), rng.Int64N(1<<(20+rng.IntN(20)))-1<<20
		p := growth(usual, live, rest)
		grows, want := live*int64(p)/100, int64(usual)*max(rest, restLeast)/100
		if p < 1 || p > usual || p > 1 && grows > want || p < usual && grows+live/100+1 < want {
			t.Fatalf("usual %d, %d live, %d besides images: %d percent, by which it grows %d, want %d", usual, live, rest, p, grows, want)
		}
	}
}

// What is set for images ends with the last node that keeps some.
func TestCollectorIsRestored(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(90))
	percent := func() int {
		p := debug.SetGCPercent(90)
		debug.SetGCPercent(p)
		return p
	}
	one, two := new(copying), new(copying)
	theCollector.keeps(one, 4<<30)
	theCollector.keeps(two, 1<<30)
	if p := percent(); p >= 10 {
		t.Errorf("with 5 GiB of images: %d percent, want less than 10", p)
	}
	theCollector.keeps(one, 0)
	if p := percent(); p >= 20 {
		t.Errorf("with 1 GiB of images: %d percent, want less than 20", p)
	}
	theCollector.keeps(two, 0)
	if p := percent(); p != 90 {
		t.Errorf("without images: %d percent, want 90 as before", p)
	}
}

// BenchmarkKeptImages takes images of 1 GiB, each in the place of the one before, as a peer that keeps them does, and tells the most memory that the process had for a byte of
// what it kept at most, which is two of them.
func BenchmarkKeptImages(b *testing.B) {
	for _, paced := range []bool{true, false} {
		b.Run(fmt.Sprintf("paced=%v", paced), func(b *testing.B) {
			h := replica.NewHolder(0)
			stream := replica.Stream{Kind: replica.Images, Owner: 1}
			piece := make([]byte, 256<<10)
			const imageBytes = 1 << 30
			w := wire.Stream{Kind: uint8(stream.Kind), Owner: 1}
			if _, err := h.Promise(stream, wire.Promise{Stream: w, Incarnation: 1, Life: 1}); err != nil {
				b.Fatal(err)
			}
			c := new(copying)
			defer theCollector.keeps(c, 0)
			number, kept, most, mostKept := uint64(0), int64(0), int64(0), int64(0)
			for b.Loop() {
				for range 4 {
					for i := range imageBytes / len(piece) {
						number++
						if _, err := h.Copy(stream, &wire.Entry{Life: 1, Number: number, Prev: number - 1, Tick: frame.Tick(number), Sum: 1}, piece); err != nil {
							b.Fatal(err)
						}
						if kept += int64(len(piece)); i%512 == 0 { // 128 MiB: what comes in collectEvery
							if paced {
								theCollector.keeps(c, kept)
							}
							most, mostKept = max(most, resident(b)), max(mostKept, kept)
						}
					}
					if kept > imageBytes {
						h.Drop(stream, wire.Drop{Stream: w, Tick: frame.Tick(number) - imageBytes/frame.Tick(len(piece))})
						kept -= imageBytes
					}
				}
			}
			b.ReportMetric(float64(most)/float64(mostKept), "B/kept-B")
			b.SetBytes(4 * imageBytes)
		})
	}
}

// resident is the process's memory, in bytes.
func resident(b *testing.B) int64 {
	b.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		b.Fatal(err)
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		b.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}
