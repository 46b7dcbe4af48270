package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/streamscope/streamscope/cmd/streamscope/engine"
	"github.com/streamscope/streamscope/cmd/streamscope/options"
	"github.com/streamscope/streamscope/cmd/streamscope/report"
	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/rpc"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/vertex/connect"
)

// jobRun is one run of a job, as the engine is asked for it.
type jobRun struct {
	job     string
	options options.Run
	cores   int
	stdout  io.Writer               // where the result goes if options.Out is empty; the real engine knows only the process's own
	stderr  io.Writer               // what children write on theirs
	events  io.Writer               // what happens to workers; nil: nobody asks
	log     *slog.Logger            // messages of the engine
	observe func(p report.Progress) // takes progress, from any goroutine, at any pace
}

// runFunc runs a job to its end and returns what it counted. When the context ends it stops, removes what it wrote, ends its children
// and returns an error. Errors are one line with place, value and want. The output is visible only if the error is nil.
type runFunc func(ctx context.Context, r jobRun) (report.Stats, error)

// runEngine is the runFunc of the real engine, which writes to the standard output of the process.
func runEngine(ctx context.Context, r jobRun) (report.Stats, error) {
	arena, err := arenaBytes(r.options)
	if err != nil {
		return report.Stats{}, err
	}
	o := r.options
	stats, err := engine.Run(ctx, engine.Config{
		Jobs: definitions, Name: r.job, Workers: o.Workers, Cores: r.cores, Tasks: o.Tasks, Stderr: r.stderr, Log: r.log,
		Command: workerProcess(o), ListenHost: o.ListenHost,
		Job:  engine.Job{Inputs: o.Inputs, Airports: o.Airports, Out: o.Out, BadRows: policies[o.BadRow.Policy], DivertTo: o.BadRow.File},
		Tick: control.TickRule{LengthNs: int64(o.Tick.Length), LimitByte: int64(o.Tick.Bytes)},
		Limits: rpc.Limits{
			FrameBytes: int(o.FrameBytes), SegmentBytes: int(o.SegmentBytes), CreditBytes: int(o.CreditBytes), ArenaBytes: arena, Links: uint8(o.Links),
			SpillDir: o.SpillDir, LatenessUs: o.Lateness.Microseconds(), RatePerS: o.Rate,
			ReportEveryUs: o.ReportInterval.Microseconds(),
		},
		Report:   func(s control.RunStats) { r.observe(progressOf(s)) },
		Recovery: recoveryOf(o),
		Events:   r.events,
	})
	return statsOf(stats, o.Workers), err
}

func recoveryOf(o options.Run) *engine.Recovery {
	if o.DataDir == "" {
		return nil
	}
	return &engine.Recovery{Dir: o.DataDir, SnapshotStore: o.SnapshotStore, ImagePeers: o.ImagePeers, SnapshotInterval: o.SnapshotInterval, Reliability: o.Reliability,
		JournalPeers: o.JournalPeers, AcceptGap: o.AcceptGap, InputAgain: o.InputAgain,
		Objective:       engine.Objective{Gap: o.Objective.Gap, IntervalGiven: o.Objective.IntervalGiven, PolicyGiven: o.Objective.PolicyGiven},
		ManagerPatience: o.ManagerPatience}
}

var policies = map[options.BadRows]connect.Policy{
	options.FailOnBadRow: connect.Fail, options.SkipBadRow: connect.Skip, options.DivertBadRow: connect.Divert,
}

// arenaBytes is the arena of each process. One that was asked for must fit the machine; the default takes at most half of what is
// available, shared among the processes.
func arenaBytes(o options.Run) (int64, error) {
	m, err := ringlog.AvailableMemory()
	if err != nil {
		return 0, err
	}
	want := int64(o.ArenaBytes)
	if !o.ArenaGiven {
		least := int64(options.ArenaSegments * o.SegmentBytes)
		if least > m.Bytes {
			return 0, fmt.Errorf("--segment-bytes %v: %d of them are more than the %s that are available (%s); give a smaller one",
				o.SegmentBytes, options.ArenaSegments, report.Bytes(uint64(m.Bytes)), m.Source)
		}
		return max(least, min(want, m.Bytes/2/int64(max(1, o.Workers)))), nil
	}
	if want > m.Bytes {
		return 0, fmt.Errorf("--arena %v is more than the %s that are available (%s); give a smaller one", o.ArenaBytes, report.Bytes(uint64(m.Bytes)), m.Source)
	}
	return want, nil
}

func progressOf(s control.RunStats) report.Progress {
	return report.Progress{EventsIn: s.EventsIn, EventsBefore: s.EventsBefore, EventsOut: s.EventsOut, Late: s.Late, Skipped: s.Skipped, Ticks: s.Ticks}
}

// statsOf hands on the figures of a run. Workers are children: the one inside this process is none.
func statsOf(s control.RunStats, children int) report.Stats {
	t := report.Stats{EventsIn: s.EventsIn, EventsBefore: s.EventsBefore, EventsOut: s.EventsOut, Late: s.Late, Skipped: s.Skipped, Ticks: s.Ticks}
	for _, st := range s.Stages {
		t.Stages = append(t.Stages, report.Stage{Name: st.Name, Tasks: st.Tasks, RowsIn: st.RowsIn, RowsOut: st.RowsOut, BusyS: st.Busy.Seconds()})
	}
	if r := s.Recovery; r != nil {
		t.Recoveries, t.Managers, t.Adopted = r.Recoveries, r.Managers, r.Adopted
		if r.Resumed {
			tick := uint64(r.ResumedTick)
			t.ResumedTick = &tick
		}
	}
	if children == 0 {
		return t
	}
	for _, w := range s.Workers {
		t.Workers = append(t.Workers, report.Worker{PID: w.PID, RowsIn: w.RowsIn, BytesIn: w.BytesIn, BytesOut: w.BytesOut, PeakBytes: w.PeakBytes})
	}
	return t
}
