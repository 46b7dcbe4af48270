package bench

import (
	"time"

	"github.com/streamscope/streamscope/bench/measure"
)

// Progress is what is being measured.
type Progress struct {
	Name       string // of the workload; empty: the machine's own limits
	Index, Of  int    // of the workload, from 1
	Repetition int    // from 1; 0: warm-up and kernels
	Runs       int
	Left       time.Duration // an estimate
}

// meter knows how much was planned and how much of it is done.
type meter struct {
	tell        func(Progress)
	at          Progress
	start       time.Time
	total, done time.Duration // as planned
}

func newMeter(o *Options, workloads []measure.Workload) *meter {
	m := &meter{tell: o.Progress, at: Progress{Of: len(workloads), Runs: o.Runs}, start: time.Now(), total: o.machineTime()}
	for i := range workloads {
		m.total += o.prepareTime(&workloads[i]) + time.Duration(o.Runs)*o.Duration
	}
	return m
}

// machineTime is planned for the facts of the machine.
func (o *Options) machineTime() time.Duration { return 4 * o.part(kernelPart) }

// prepareTime is planned for the warm-up of a workload and its kernels.
func (o *Options) prepareTime(w *measure.Workload) time.Duration {
	d := 2 * time.Duration(len(w.Kernels)) * o.part(2*kernelPart)
	if !w.Whole {
		d += o.part(warmPart)
	}
	return d
}

// next goes on to a workload.
func (m *meter) next(name string) {
	m.at.Index++
	m.at.Name = name
	m.now(0)
}

// now says which repetition begins.
func (m *meter) now(repetition int) {
	if m.tell == nil {
		return
	}
	m.at.Repetition = repetition
	m.at.Left = left(m.total, m.done, time.Since(m.start))
	m.tell(m.at)
}

// did counts what was planned as done.
func (m *meter) did(planned time.Duration) { m.done += planned }

// left is what is planned and not done, stretched as what is done was. The first percents say little about that.
func left(total, done, elapsed time.Duration) time.Duration {
	rest := max(0, total-done)
	if done <= total/50 {
		return rest
	}
	return time.Duration(float64(rest) * float64(elapsed) / float64(done))
}
