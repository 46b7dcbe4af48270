package control

import (
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// WorkerStats are a worker's figures so far.
type WorkerStats struct {
	PID        int `json:"pid"`
	Stages     []StageCount
	EventsIn   uint64 // rows that its sources read, in all of its lives, each once
	EventsOut  uint64 // rows that its sinks took, likewise
	Late       uint64
	Skipped    uint64
	RowsIn     uint64 // rows that came over links
	BytesIn    uint64 // everything that came over links
	BytesOut   uint64
	PeakBytes  uint64
	Ticks      uint64 // the last tick that its sources closed, or executed
	ShareBytes uint64 // of PeakBytes, memory that other workers count, too
}

// StageCount are the figures of one logical stage on one worker.
type StageCount struct {
	Name    string
	RowsIn  uint64
	RowsOut uint64
	BusyNs  int64
}

// RunStats are the figures of a run over all workers.
type RunStats struct {
	EventsIn uint64
	// EventsBefore are those of EventsIn that were read before this manager began.
	EventsBefore uint64 `json:",omitempty"`
	EventsOut    uint64
	Late         uint64
	Skipped      uint64
	PeakBytes    uint64
	Ticks        uint64
	Stages       []StageStats
	Workers      []WorkerStats // by node
	// Recovery is nil without it.
	Recovery *RecoveryStats `json:",omitempty"`
}

// RecoveryStats are the figures of recovery.
type RecoveryStats struct {
	// Resumed: the run went on from what an earlier manager left; ResumedTick is the least tick at which a unit restarted then.
	Resumed     bool
	ResumedTick frame.Tick
	// Managers are all that the run has had, Adopted the workers that this one took over as they were.
	Managers uint64
	Adopted  int
	// Recoveries are the workers that were replaced by this manager.
	Recoveries uint64
	// LeastBase is the least base of a unit, NewestSaved the newest image of any: what lies between is held by somebody.
	LeastBase   frame.Tick
	NewestSaved frame.Tick
	// Unsaved are the units whose newest image could not be saved.
	Unsaved []UnsavedUnit `json:",omitempty"`
}

// UnsavedUnit is a unit whose image could not be saved at a tick; it holds what lies upstream of it.
type UnsavedUnit struct {
	Unit
	Tick   frame.Tick
	Reason string
}

// StageStats are the figures of one logical stage.
type StageStats struct {
	Name    string
	Tasks   int
	RowsIn  uint64
	RowsOut uint64
	Busy    time.Duration
}

// mergeStats sums the workers' figures, stages in the order of the plan.
func mergeStats(stages []StageInfo, workers []WorkerStats) RunStats {
	r := RunStats{Workers: workers, Stages: make([]StageStats, len(stages))}
	index := make(map[string]*StageStats, len(stages))
	for i, s := range stages {
		r.Stages[i] = StageStats{Name: s.Name, Tasks: s.Tasks}
		index[s.Name] = &r.Stages[i]
	}
	for _, w := range workers {
		r.EventsIn += w.EventsIn
		r.EventsOut += w.EventsOut
		r.Late += w.Late
		r.Skipped += w.Skipped
		r.PeakBytes += w.PeakBytes - min(w.PeakBytes, w.ShareBytes)
		r.Ticks = max(r.Ticks, w.Ticks)
		for _, c := range w.Stages {
			if s := index[c.Name]; s != nil {
				s.RowsIn += c.RowsIn
				s.RowsOut += c.RowsOut
				s.Busy += time.Duration(c.BusyNs)
			}
		}
	}
	return r
}
