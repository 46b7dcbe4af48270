package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Progress is how far a run is. Counts only grow.
type Progress struct {
	EventsIn     uint64 // rows that sources have read
	EventsBefore uint64 // of them: before this command began
	EventsOut    uint64 // rows that sinks have taken
	EventsTotal  uint64 // rows that sources will read, where that is known; else 0
	Late         uint64 // rows dropped because they came too late
	Skipped      uint64 // bad rows skipped or diverted
	Ticks        uint64 // ticks closed
}

// Stats is the content of the --stats file. Field order is that of the file.
type Stats struct {
	EventsIn uint64 `json:"events_in"`
	// EventsBefore are those of EventsIn that were read before this command began, which goes on with an earlier run; EventsPerS is the rate of the others.
	EventsBefore uint64   `json:"events_before,omitempty"`
	EventsOut    uint64   `json:"events_out"`
	Late         uint64   `json:"late"`
	Skipped      uint64   `json:"skipped"`
	ElapsedS     float64  `json:"elapsed_s"`
	EventsPerS   float64  `json:"events_per_s"`
	PeakBytes    uint64   `json:"peak_bytes"`
	Ticks        uint64   `json:"ticks"`
	Stages       []Stage  `json:"stages"`
	Workers      []Worker `json:"workers"`
	// ResumedTick is the tick at which a run with a data directory went on; absent if it began. Recoveries are its replaced workers.
	ResumedTick *uint64 `json:"resumed_tick,omitempty"`
	Recoveries  uint64  `json:"recoveries"`
	// Managers are those that the run has had, and Adopted the workers that lived on under the last of them; both only with a data directory.
	Managers uint64 `json:"managers,omitempty"`
	Adopted  int    `json:"adopted,omitempty"`
}

// Stage is one stage of the job as its author named it, fused or not.
type Stage struct {
	Name    string  `json:"name"`
	Tasks   int     `json:"tasks"`
	RowsIn  uint64  `json:"rows_in"`
	RowsOut uint64  `json:"rows_out"`
	BusyS   float64 `json:"busy_s"`
}

// Worker is one child process.
type Worker struct {
	PID      int    `json:"pid"`
	RowsIn   uint64 `json:"rows_in"`
	BytesIn  uint64 `json:"bytes_in"`
	BytesOut uint64 `json:"bytes_out"`
	// PeakBytes is the child's own high-water mark, part of the sum in Stats.
	PeakBytes uint64 `json:"-"`
}

// Finish fills in what follows from the elapsed time, and empty lists for absent ones.
func (s *Stats) Finish(elapsed time.Duration, peakBytes uint64) {
	s.ElapsedS, s.PeakBytes = elapsed.Seconds(), peakBytes
	if s.ElapsedS > 0 {
		s.EventsPerS = float64(s.EventsIn-min(s.EventsIn, s.EventsBefore)) / s.ElapsedS
	}
	if s.Stages == nil {
		s.Stages = []Stage{}
	}
	if s.Workers == nil {
		s.Workers = []Worker{}
	}
}

// StatsFile is a file to be: it exists under a temporary name until Commit.
type StatsFile struct {
	path, temp string
	f          *os.File
}

// CreateStats prepares the file at path. What is not a regular file, such as a pipe or /dev/stderr, is written in place.
func CreateStats(path string) (*StatsFile, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		if info.IsDir() {
			return nil, fmt.Errorf("--stats %s: it is a directory; name a file in it", path)
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, explain(path, err)
		}
		return &StatsFile{path: path, f: f}, nil
	}
	temp := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d.tmp", filepath.Base(path), os.Getpid()))
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return nil, explain(path, err)
	}
	return &StatsFile{path: path, temp: temp, f: f}, nil
}

// Commit writes the content and gives the file its name. After an error nothing is left.
func (s *StatsFile) Commit(stats *Stats) error {
	text, err := json.MarshalIndent(stats, "", "  ")
	if err == nil {
		_, err = s.f.Write(append(text, '\n'))
	}
	err = errors.Join(err, s.f.Close())
	if err == nil && s.temp != "" {
		err = os.Rename(s.temp, s.path)
	}
	if err != nil {
		s.remove()
		return explain(s.path, err)
	}
	s.f = nil
	return nil
}

// Abort removes what was prepared. After Commit it does nothing.
func (s *StatsFile) Abort() {
	if s.f != nil {
		s.f.Close()
		s.remove()
	}
}

func (s *StatsFile) remove() {
	s.f = nil
	if s.temp != "" {
		os.Remove(s.temp)
	}
}

// explain says what was asked for, not which temporary name failed.
func explain(path string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("--stats %s: there is no directory %s; create it first", path, filepath.Dir(path))
	}
	return fmt.Errorf("--stats %s: %w", path, err)
}
