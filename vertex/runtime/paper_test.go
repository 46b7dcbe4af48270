package runtime

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/state/snapshot"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

// What the StreamScope paper claims of streams and vertices, each claim a test, on one node. control/simtest has those that need several.

// paperRun is source -> keyed -> sink over 400 rows, on a node that may lose its process.
type paperRun struct {
	t    *testing.T
	d    *disk
	src  *vertextest.MemorySource
	plan *Plan
	out  *vertextest.MemoryOutput
	want []string
	now  int64

	// Of the life at hand:
	arena  *ringlog.Arena
	worker *Worker
}

func newPaperRun(t *testing.T) *paperRun {
	rows := testRows(rand.New(rand.NewPCG(1, 20)), 400)
	r := &paperRun{t: t, d: newDisk(3), src: &vertextest.MemorySource{Rows: []*batch.Batch{rows}, MaxRead: 7}, out: vertextest.NewMemoryOutput(rowSchema)}
	for i := range rows.N {
		r.want = append(r.want, line(rows, i))
	}
	slices.Sort(r.want)
	r.out.Later = func(answer func()) { r.d.writing = append(r.d.writing, answer) }
	var unused *vertextest.MemorySink
	r.plan = threeStages(r.src, &unused, 3, false)
	r.plan.Stages[1].Ops[1].New = newTally
	r.plan.Stages[2].Sink = func(position []byte, wake func()) (vertex.Sink, error) { return r.out.Open(position, wake) }
	return r
}

// live begins a life from images, by stage; without any it is one from the beginning. frameBytes is of no consequence to what it does.
func (r *paperRun) live(images []*Image, frameBytes int) {
	r.t.Helper()
	var err error
	if r.arena, err = ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: 64 << 10, LimitBytes: 8 << 20, Backing: ringlog.Heap}); err != nil {
		r.t.Fatal(err)
	}
	r.worker, err = NewWorker(Config{
		Plan: r.plan, JobID: 1, Nodes: 1, Cores: 1, Incarnation: 1, Schedule: Schedule{Bytes: 256}, Admission: Admission{Ticks: 100, Bytes: 1 << 20},
		FrameBytes: frameBytes, CreditBytes: 1 << 16, LeaseBytes: 1 << 16, Sums: true, Arena: r.arena, Pages: func(int) state.Pages { return state.NewHeapPages(0) },
		Nanotime: func() int64 { return 0 }, Wake: func(int) {}, WakePeer: func(frame.NodeID) {}, Fail: func(err error) { r.t.Error(err) },
		Recovery: &Recovery{Journal: r.d.journal, Save: r.d.save, Lost: func(int, frame.Tick, error) {}, Images: images},
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// die ends a life: what is not durable is lost.
func (r *paperRun) die() {
	r.t.Helper()
	if err := r.worker.Close(); err != nil {
		r.t.Fatal(err)
	}
	if err := r.arena.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.d.crash()
}

// work steps the core until it has nothing to do any more, whatever is made durable in between.
func (r *paperRun) work(durable func()) {
	r.t.Helper()
	for idle := 0; idle < 100; idle++ {
		r.now++
		durable()
		r.arena.Step()
		worked, err := r.worker.Core(0).Step(r.now)
		if err != nil {
			r.t.Fatal(err)
		}
		if worked {
			idle = 0
		}
	}
}

func nothing() {}

// journals makes journals durable.
func (r *paperRun) journals() {
	for _, j := range r.d.journals {
		if n := uint64(len(j.records)); n > j.durable {
			j.durable = n
			j.changed()
		}
	}
}

// everything makes durable what there is.
func (r *paperRun) everything() {
	r.journals()
	for len(r.d.writing) > 0 {
		r.d.writing[0]()
		r.d.writing = r.d.writing[1:]
	}
}

// at are the images of all stages after a tick.
func (r *paperRun) at(t frame.Tick) []*Image {
	r.t.Helper()
	images := make([]*Image, len(r.plan.Stages))
	for i := range images {
		l, err := snapshot.Decode(r.d.images[i][t])
		if err != nil {
			r.t.Fatalf("stage %d, tick %d: %v", i, t, err)
		}
		if images[i], err = r.plan.ParseImage(i, r.plan.TasksOn(i, 0, 1), l.Extra, l.Parts); err != nil {
			r.t.Fatal(err)
		}
	}
	return images
}

func (r *paperRun) rows() []string {
	b := r.out.Rows.View()
	lines := make([]string, b.N)
	for i := range lines {
		lines[i] = line(b, i)
	}
	return lines
}

func (r *paperRun) wantAll() {
	r.t.Helper()
	got := r.rows()
	slices.Sort(got)
	if !slices.Equal(got, r.want) || !r.out.Finished {
		r.t.Errorf("got %d rows, finished %v, want %d", len(got), r.out.Finished, len(r.want))
	}
}

// Validity: a reader gets of a stream only what was written successfully, which a source's tick is when its record is durable.
func TestPaperValidity(t *testing.T) {
	r := newPaperRun(t)
	r.live(nil, 4096)
	r.work(nothing)
	if s := r.worker.Stats(); s.EventsIn == 0 || s.EventsOut > 0 || len(r.rows()) > 0 {
		t.Errorf("%d rows read, %d in the output, though no tick of the source is written down", s.EventsIn, len(r.rows()))
	}
	r.work(r.everything)
	r.wantAll()
	r.die()
}

// Writes are off the critical path: rows go all the way while no image is durable; the journal holds positions, not rows.
func TestPaperWritesOffTheCriticalPath(t *testing.T) {
	r := newPaperRun(t)
	r.live(nil, 4096)
	for _, tick := range []frame.Tick{3, 6, 9} {
		r.worker.Mark(tick)
	}
	r.work(r.journals)
	if got := r.rows(); len(got) != len(r.want) || len(r.d.writing) == 0 || len(r.d.images[1]) > 0 {
		t.Errorf("%d rows in the output, want %d; %d writes under way, %d images durable", len(got), len(r.want), len(r.d.writing), len(r.d.images[1]))
	}
	r.die()
}

// A vertex is deterministic: from the same snapshot over the same inputs it gives the same outputs and the same next snapshot.
func TestPaperVertexDeterministic(t *testing.T) {
	r := newPaperRun(t)
	r.live(nil, 4096)
	const first, next = 5, 12
	r.worker.Mark(first)
	r.worker.Mark(next)
	r.work(r.everything)
	r.wantAll()
	r.die()
	rows := r.rows()
	images := make([][]byte, len(r.plan.Stages))
	for i := range images {
		if images[i] = r.d.images[i][next]; images[i] == nil {
			t.Fatalf("no image of stage %d after tick %d", i, next)
		}
		delete(r.d.images[i], next)
	}
	r.src.MaxRead = 50
	r.live(r.at(first), 2048) // other frames, other reads
	r.worker.Mark(next)
	r.work(r.everything)
	r.wantAll()
	if again := r.rows(); !slices.Equal(again, rows) {
		t.Error("the output is another one, or in another order")
	}
	for i, want := range images {
		if !bytes.Equal(r.d.images[i][next], want) {
			t.Errorf("the image of stage %d after tick %d is another one", i, next)
		}
	}
	r.die()
}

// A snapshot holds how far the vertex was in each input and output, and its state: logs and journals can go, no row is read again or missed.
func TestPaperSnapshotHoldsPositionsAndState(t *testing.T) {
	r := newPaperRun(t)
	r.live(nil, 4096)
	const mark = 7
	r.worker.Mark(mark)
	r.work(r.everything)
	r.die()
	r.d.journals = map[int]*memoryJournal{} // nothing is left but the images
	r.live(r.at(mark), 4096)
	read := r.worker.Stats().EventsIn
	if had := uint64(r.out.Rows.Len()); read == 0 || had == 0 || read >= uint64(len(r.want)) {
		t.Fatalf("%d rows read and %d written before tick %d: the test looks at nothing", read, had, mark)
	}
	given := 0
	source := r.worker.cores[0].stages[0].stats
	r.work(func() { r.everything(); given = int(source.source.in.Load()) })
	if want := len(r.want) - int(read); given != want {
		t.Errorf("%d rows read after the image, want the %d behind its position", given, want)
	}
	r.wantAll() // the keyed stage compares what it counted with its pages
	r.die()
}

// Recovery by checkpoint: whenever the process is lost, snapshot and log give the output of a run without the loss.
func TestPaperCheckpointRecovery(t *testing.T) {
	fromImages := 0
	for steps := 10; steps < 200; steps += 10 {
		t.Run(fmt.Sprint(steps), func(t *testing.T) {
			r := newPaperRun(t)
			r.live(nil, 4096)
			for tick := frame.Tick(2); tick < 40; tick += 3 {
				r.worker.Mark(tick)
			}
			for i := range steps {
				r.now++
				r.arena.Step()
				if i%3 == 0 {
					r.everything()
				}
				if _, err := r.worker.Core(0).Step(r.now); err != nil {
					t.Fatal(err)
				}
			}
			r.die()
			rec, err := r.d.recovery(r.plan)
			if err != nil {
				t.Fatal(err)
			}
			if rec.Images[1] != nil {
				fromImages++
			}
			r.live(rec.Images, 4096)
			r.work(r.everything)
			r.wantAll()
			r.die()
		})
	}
	if fromImages < 5 {
		t.Errorf("%d lives began with a snapshot: too few to mean anything", fromImages)
	}
}
