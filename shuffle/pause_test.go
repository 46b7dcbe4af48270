package shuffle

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestReadersPause: two nodes write as much as they can while no reader reads. Memory, once the writers stand, grows no more, however long that lasts
// (STREAMSCOPE_PAUSE, 300ms here); then all is read.
func TestReadersPause(t *testing.T) {
	pause, err := time.ParseDuration(os.Getenv("STREAMSCOPE_PAUSE"))
	if err != nil {
		pause = 300 * time.Millisecond
	}
	const memory, slack = 16 << 20, 16 << 20
	all := openAll(t, 2, Config{Schema: testSchema, Keys: []string{"key"}, MemoryBytes: memory, SegmentBytes: 1 << 20, FrameBytes: 32 << 10, PeerTimeout: time.Minute})
	writing, stop := context.WithCancel(context.Background())
	defer stop()
	var writers, readers sync.WaitGroup
	for _, s := range all {
		writers.Go(func() {
			rows := rowsOf(1000, 0)
			for err := error(nil); err == nil; {
				err = s.Writer(0).Write(writing, rows)
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}
			if err := s.Writer(0).Close(); err != nil {
				t.Error(err)
			}
		})
	}
	before := residentBytes(t)
	for last := uint64(0); ; { // until neither has written anything for a while
		now := all[0].Stats().RowsWritten + all[1].Stats().RowsWritten
		if now > 0 && now == last {
			break
		}
		last = now
		<-time.After(100 * time.Millisecond)
	}
	full := residentBytes(t)
	<-time.After(pause)
	later := residentBytes(t)
	t.Logf("resident before %d MiB, when the writers stood %d MiB, %v later %d MiB", before>>20, full>>20, pause, later>>20)
	onHeap := !all[0].arena.CanShare() // in a race build, which takes several bytes for one
	if later > full+slack || (!onHeap && full > before+2*memory+slack) {
		t.Errorf("resident: %d bytes, %d when the writers stood, %d after %v; want %d for each node, and at most %d more", before, full, later, pause, memory, slack)
	}
	var read atomic.Int64
	for _, s := range all {
		readers.Go(func() {
			if err := readAll(context.Background(), s.Reader(0), func(p Piece) {
				if p.Rows != nil {
					read.Add(int64(p.Rows.N))
				}
			}); err != nil {
				t.Error(err)
			}
		})
	}
	stop()
	writers.Wait()
	readers.Wait()
	closeAll(t, all)
	if want := int64(all[0].Stats().RowsWritten + all[1].Stats().RowsWritten); read.Load() != want || want == 0 {
		t.Errorf("read %d rows, want %d", read.Load(), want)
	}
}

// residentBytes is what this process has in memory, mappings included.
func residentBytes(t *testing.T) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "VmRSS:" {
			kb, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}
