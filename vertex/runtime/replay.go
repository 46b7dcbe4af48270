package runtime

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/journal"
	"github.com/streamscope/streamscope/vertex"
)

// newSource makes the source of a task: it deals the splits round robin to the stage's tasks, and opens those of this one where the image
// says, or at their beginning.
func (c *Core) newSource(st *stageRun, f *fused, image *vertex.ImageReader) (*sourceTask, error) {
	w := c.worker
	s := &sourceTask{f: f, schedule: w.cfg.Schedule, late: w.cfg.Lateness.Microseconds(), cti: frame.MinCTI, opened: &w.opened,
		closed: st.executed, cut: st.executed, imaged: st.executed, journal: w.stages[st.index].journal, marks: &w.marks, piece: pieceBytes(w.cfg.FrameBytes),
		admit: Admission{Ticks: w.cfg.Admission.Ticks, Bytes: max(1, w.cfg.Admission.Bytes/st.st.Tasks)},
		rate:  pace{perSecond: w.cfg.Rate / float64(w.sourceTasks)}}
	for k := int(f.task - st.st.FirstTask); k < len(st.splits); k += st.st.Tasks {
		s.splits = append(s.splits, &splitState{Split: st.splits[k], maxVs: math.MinInt64, cti: frame.MinCTI})
	}
	var inputs []journal.Record
	for _, r := range w.stages[st.index].replay {
		if r.Task != f.task || r.Last <= st.executed || r.First > w.cfg.part.limit() {
			continue
		}
		if r.Input != nil {
			inputs = append(inputs, r)
			continue
		}
		last := st.executed
		if n := len(s.replay); n > 0 {
			last = s.replay[n-1].Last
		} else if r.First <= last { // an image was taken within its empty ticks, when they were cut again
			r.First, r.Runs = last+1, nil
		}
		if r.First != last+1 || r.Last < r.First {
			return nil, fmt.Errorf("stage %s: task %d: the journal goes on with ticks %d to %d after %d", st.st.Name, f.task, r.First, r.Last, last)
		}
		s.replay = append(s.replay, r)
	}
	s.again = w.cfg.part != nil
	w.addSource(s)
	wake := func() {
		st.quiet.stirred.Store(true)
		w.wake(c.id)
	}
	if image == nil {
		if err := s.open(st.st.Source, wake); err != nil {
			return nil, err
		}
	} else if err := s.load(image, st.st.Source, wake); err != nil {
		return nil, fmt.Errorf("stage %s: image after tick %d: task %d: %w", st.st.Name, st.executed, f.task, err)
	}
	if s.again && slices.ContainsFunc(s.splits, func(sp *splitState) bool { return sp.tape != nil }) {
		return nil, fmt.Errorf("%w: the input of stage %s is read once", ErrNoShadow, st.st.Name)
	}
	if err := s.inherit(inputs); err != nil {
		return nil, fmt.Errorf("stage %s: task %d: %w", st.st.Name, f.task, err)
	}
	return s, nil
}

// load opens the splits where the image says.
func (s *sourceTask) load(r *vertex.ImageReader, src vertex.Source, wake func()) error {
	s.cti = frame.CTI(r.Uint64())
	s.taken, s.lateRows = r.Uint64(), r.Uint64()
	s.f.stats.before.in += s.taken
	s.f.stats.before.late += s.lateRows
	if n := r.Uint64(); r.Err() == nil && n != uint64(len(s.splits)) {
		return fmt.Errorf("%d splits, want %d: the input is not the one that was read before", n, len(s.splits))
	}
	for _, sp := range s.splits {
		if id := r.Uint64(); r.Err() == nil && id != uint64(sp.ID) {
			return fmt.Errorf("split %d, want %d", id, sp.ID)
		}
		sp.maxVs, sp.cti, sp.ended = int64(r.Uint64()), frame.CTI(r.Uint64()), r.Uint64() != 0
		position := vertex.NewImageReader(r.Bytes())
		if err := r.Err(); err != nil {
			return err
		}
		reader, err := src.Open(sp.Split, position, wake)
		if err != nil {
			return err // it names the split
		}
		sp.opened(reader)
	}
	return r.Err()
}

// replaying tells whether ticks of the task's last life are still to be cut again, as they were written down.
func (s *sourceTask) replaying() bool { return len(s.replay) > 0 }

// replayRows reads the rows of the open tick that its record has next.
func (s *sourceTask) replayRows() (worked bool, err error) {
	rec := &s.replay[0]
	for s.run < len(rec.Runs) && rec.Runs[s.run].Rows == s.runRows {
		s.run, s.runRows = s.run+1, 0
	}
	if s.run == len(rec.Runs) {
		s.closing = true
		return s.finishTick()
	}
	run := rec.Runs[s.run]
	sp := s.split(run.Split)
	if sp == nil {
		return false, fmt.Errorf("the journal has rows of split %d in tick %d, which is not one of task %d", run.Split, rec.First, s.f.task)
	}
	rows, err := sp.reader.Read(int(min(sourceQuantum, run.Rows-s.runRows)))
	if errors.Is(err, io.EOF) {
		return false, fmt.Errorf("%s: ends %d rows before the end of tick %d as it was read before: it has changed", sp.Name, run.Rows-s.runRows, rec.First)
	}
	if err != nil || rows == nil {
		return false, err
	}
	s.runRows += uint32(rows.N)
	return s.take(sp, rows)
}

func (s *sourceTask) split(id uint32) *splitState {
	for _, sp := range s.splits {
		if sp.ID == id {
			return sp
		}
	}
	return nil
}

// replayed ends the cutting of a record again.
func (s *sourceTask) replayed() error {
	s.replay, s.run, s.runRows = s.replay[1:], 0, 0
	return s.resume()
}
