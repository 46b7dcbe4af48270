package main

import (
	"strings"
	"testing"
	"time"

	"github.com/streamscope/streamscope/cmd/streamscope/options"
	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog"
)

// A default arena gives way to the machine; one that was asked for is refused in words, and so are segments that can not be.
func TestArenaFitsTheMachine(t *testing.T) {
	m, err := ringlog.AvailableMemory()
	if err != nil {
		t.Fatal(err)
	}
	half := options.Size(m.Bytes / 2)
	o := options.Run{SegmentBytes: options.SegmentMin, ArenaBytes: 100 * half}
	if got, err := arenaBytes(o); err != nil || got > m.Bytes*3/4 {
		t.Errorf("by default: got %d, %v, of %d available", got, err, m.Bytes)
	}
	o.ArenaGiven = true
	if _, err := arenaBytes(o); err == nil || !strings.Contains(err.Error(), "--arena") || !strings.Contains(err.Error(), "available") {
		t.Errorf("more than there is: got %v", err)
	}
	o.ArenaBytes = options.MiB
	if got, err := arenaBytes(o); err != nil || got != 1<<20 {
		t.Errorf("1 MiB: got %d, %v", got, err)
	}
	o = options.Run{SegmentBytes: 4 * half, ArenaBytes: options.GiB}
	if _, err := arenaBytes(o); err == nil || !strings.Contains(err.Error(), "--segment-bytes") {
		t.Errorf("segments of twice the memory: got %v", err)
	}
}

// The worker inside this process is no child.
func TestStatsOfARun(t *testing.T) {
	s := control.RunStats{
		EventsIn: 1, EventsOut: 2, Late: 3, Skipped: 4, Ticks: 5,
		Stages:  []control.StageStats{{Name: "a", Tasks: 6, RowsIn: 7, RowsOut: 8, Busy: 1500 * time.Millisecond}},
		Workers: []control.WorkerStats{{PID: 9, RowsIn: 10, BytesIn: 11, BytesOut: 12, PeakBytes: 13}},
	}
	if got := statsOf(s, 0); len(got.Workers) != 0 || got.EventsIn != 1 || got.EventsOut != 2 || got.Late != 3 || got.Skipped != 4 || got.Ticks != 5 || got.Stages[0].BusyS != 1.5 {
		t.Errorf("in this process: got %+v", got)
	}
	if got := statsOf(s, 1); len(got.Workers) != 1 || got.Workers[0].PID != 9 || got.Workers[0].BytesOut != 12 || got.Workers[0].PeakBytes != 13 {
		t.Errorf("with a child: got %+v", got.Workers)
	}
}
