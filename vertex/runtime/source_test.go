package runtime

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

// TestDeadlines: a source task asks for a step by the clock only where a step would do something.
func TestDeadlines(t *testing.T) {
	const start, now = 1_000_000_000, 1_002_000_000
	ticks := Schedule{Length: 5 * time.Millisecond, StartNs: start}
	paced := func(perSecond float64) pace { return pace{perSecond: perSecond, startNs: start} }
	for name, c := range map[string]struct {
		task sourceTask
		want int64
	}{
		"nothing open":             {sourceTask{schedule: ticks}, 0},
		"ticks by bytes":           {sourceTask{schedule: Schedule{Bytes: 1}, tick: 1}, 0},
		"the tick ends":            {sourceTask{schedule: ticks, tick: 1}, start + 5_000_000},
		"the tick has ended":       {sourceTask{schedule: Schedule{Length: 1, StartNs: start}, tick: 1}, start + 1},
		"its rows find no room":    {sourceTask{schedule: ticks, tick: 1, pending: &batch.Batch{}}, 0},
		"its close finds no room":  {sourceTask{schedule: ticks, tick: 1, closing: true}, 0},
		"it has ended":             {sourceTask{schedule: ticks, tick: 1, cut: frame.MaxTick}, 0},
		"slow rows":                {sourceTask{schedule: ticks, tick: 1, rate: paced(400), rows: 0}, start + 2_500_001},
		"rows after the tick":      {sourceTask{schedule: ticks, tick: 1, rate: paced(10), rows: 0}, start + 5_000_000},
		"fast rows come many":      {sourceTask{schedule: ticks, tick: 1, rate: paced(1e6), rows: 2000}, now + paceNs},
		"rows that are allowed":    {sourceTask{schedule: ticks, tick: 1, rate: paced(1e6), rows: 1}, start + 5_000_000},
		"fast rows, ticks by size": {sourceTask{schedule: Schedule{Bytes: 1}, tick: 1, rate: paced(1e6), rows: 2000}, now + paceNs},
	} {
		if got := c.task.deadline(now); got != c.want {
			t.Errorf("%s: got %d, want %d, %d after the start", name, got, c.want, c.want-start)
		}
	}
}

// lateSource has no row before it is opened up.
type lateSource struct {
	*vertextest.MemorySource
	open bool
	wake func()
}

type lateReader struct {
	vertex.SplitReader
	source *lateSource
}

func (s *lateSource) Open(split vertex.Split, at vertex.SnapshotReader, wake func()) (vertex.SplitReader, error) {
	s.wake = wake
	r, err := s.MemorySource.Open(split, at, wake)
	return &lateReader{r, s}, err
}

func (r *lateReader) Read(maxRows int) (*batch.Batch, error) {
	if !r.source.open {
		return nil, nil
	}
	return r.SplitReader.Read(maxRows)
}

// TestWhatHasArrivedIsOfTheTick: rows that came while the core did something else are of the tick that ended meanwhile, not of the next.
func TestWhatHasArrivedIsOfTheTick(t *testing.T) {
	for _, arrives := range []bool{true, false} {
		memory := &vertextest.MemorySource{MaxRead: 100, Rows: []*batch.Batch{testRows(rand.New(rand.NewPCG(1, 1)), 50)}}
		src := &lateSource{MemorySource: memory}
		var sink *vertextest.MemorySink
		plan := threeStages(memory, &sink, 2, true)
		plan.Stages[0].Source = src
		arena, err := ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: 64 << 10, LimitBytes: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		w, err := NewWorker(Config{
			Plan: plan, JobID: 1, Nodes: 1, Cores: 1, Incarnation: 1, Schedule: Schedule{Length: 100, StartNs: 1}, Admission: Admission{Ticks: 9, Bytes: 1 << 20},
			FrameBytes: 4096, CreditBytes: 4096, LeaseBytes: 4096, Arena: arena, Pages: func(int) state.Pages { return nil },
			Nanotime: func() int64 { return 0 }, Wake: func(int) {}, WakePeer: func(frame.NodeID) {}, Fail: func(err error) { t.Error(err) },
		})
		if err != nil {
			t.Fatal(err)
		}
		task := w.owned.sources[0]
		for now := int64(1); w.Core(0).stages[0].executed < 1; now += 60 {
			if arrives && now > 100 { // after the last step before the tick's end
				src.open = true
				src.wake()
			}
			if _, err := w.Core(0).Step(now); err != nil {
				t.Fatal(err)
			}
		}
		if got := task.inFlight > 0; got != arrives {
			t.Errorf("rows arrive %v: rows in tick 1 %v", arrives, got)
		}
		if err := errors.Join(w.Close(), arena.Close()); err != nil {
			t.Error(err)
		}
	}
}
