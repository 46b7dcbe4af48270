package ringlog

import (
	"errors"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// fillAndWait fills an arena of three segments whose frames are all leased, until the writer has to wait.
func fillAndWait(t *testing.T, l *Log) (leases []Lease) {
	t.Helper()
	for tick := frame.Tick(1); ; tick++ {
		pos, err := writeStepping(l, chainA, tick, 50000)
		if errors.Is(err, ErrNoSegment) {
			return leases
		}
		if err != nil {
			t.Fatal(err)
		}
		lease, err := l.Acquire(pos)
		if err != nil {
			t.Fatal(err)
		}
		leases = append(leases, lease)
	}
}

// All segments were leased when the driver looked for one to spill: the end of a lease makes it look again, and the writer is woken,
// although nothing was trimmed.
func TestReleaseLetsTheDriverSpill(t *testing.T) {
	onEachBacking(t, func(t *testing.T, b Backing) {
		woken := make(chan struct{}, 10)
		a := testArena(t, b, 3, withSpill(t))
		l := testLog(t, a, LogConfig{Wake: func() { woken <- struct{}{} }})
		leases := fillAndWait(t, l)
		for len(woken) > 0 {
			<-woken
		}
		for a.Step() || len(a.kick) > 0 { // until the driver would sleep
			if len(a.kick) > 0 {
				<-a.kick
			}
		}
		for _, lease := range leases {
			lease.Release()
		}
		if len(a.kick) != 1 {
			t.Error("the driver sleeps on")
		}
		a.Start()
		a.notify()
		<-woken
		mustClaim(t, l)
	})
}

// A disk that had no room is tried again without anybody's asking.
func TestDriverRetriesFullDisk(t *testing.T) {
	var reports atomic.Int32
	f := &faultyFile{}
	full := &tempFull{faultyFile: f}
	full.left.Store(3)
	woken := make(chan struct{}, 10)
	a := testArena(t, Heap, 3, func(c *ArenaConfig) {
		c.OpenSpill = func() (SpillFile, error) { return full, nil }
		c.OnError = func(error) { reports.Add(1) }
	})
	l := testLog(t, a, LogConfig{Wake: func() { woken <- struct{}{} }})
	for _, lease := range fillAndWait(t, l) {
		lease.Release()
	}
	for len(woken) > 0 {
		<-woken
	}
	a.Start()
	<-woken
	mustClaim(t, l)
	if reports.Load() != 1 || full.left.Load() >= 0 {
		t.Errorf("%d reports, %d failures left", reports.Load(), full.left.Load())
	}
}

// tempFull fails some writes, then none.
type tempFull struct {
	*faultyFile
	left atomic.Int32
}

func (f *tempFull) WriteAt(b []byte, off int64) (int, error) {
	if f.left.Add(-1) >= 0 {
		return 0, unix.ENOSPC
	}
	return f.faultyFile.WriteAt(b, off)
}

func mustClaim(t *testing.T, l *Log) {
	t.Helper()
	if _, _, err := l.Claim(100); err != nil {
		t.Fatal(err)
	}
	l.Abandon()
}

// A recovered log may hold more than the limit: other logs have their reserves all the same.
func TestRecoveredLogLeavesReserves(t *testing.T) {
	if len(backings()) == 1 {
		return // a race build has nothing to recover
	}
	dir := t.TempDir()
	in := func(c *ArenaConfig) { c.Dir = dir }
	a := testArena(t, Tmpfs, 8, in)
	l := testLog(t, a, LogConfig{})
	for tick := frame.Tick(1); tick <= 8; tick++ {
		mustWrite(t, l, chainA, tick, 50000)
	}
	if err := a.crash(); err != nil {
		t.Fatal(err)
	}
	b := testArena(t, Tmpfs, 8, in)
	again, _, err := b.Recover(LogConfig{Incarnation: 2}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for core := frame.CoreID(1); core <= 3; core++ {
		other := testLog(t, b, LogConfig{Core: core})
		for tick := frame.Tick(1); tick <= minReserve; tick++ {
			mustWrite(t, other, chainA, tick, 50000)
		}
	}
	if _, err := writeStepping(again, chainA, 9, 50000); !errors.Is(err, ErrNoSegment) {
		t.Errorf("write beyond the limit: %v", err)
	}
	again.Trim(chainA, 7)
	mustWrite(t, again, chainA, 9, 50000)
}
