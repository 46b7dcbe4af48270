package runtime

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

var rowSchema = &batch.Schema{Fields: []batch.Field{{Name: "key", Kind: batch.Int64}, {Name: "seq", Kind: batch.Int64}}}

// hold keeps the rows of a tick and emits them at Close: a vertex whose output hangs on ticks and on back-pressure.
type hold struct {
	rows *batch.Builder
	at   int
	seen frame.CTI
}

func (h *hold) Load(r vertex.SnapshotReader) error {
	h.seen = frame.CTI(r.Uint64())
	return r.Err()
}

func (h *hold) GetSnapshot(w vertex.SnapshotWriter) error {
	w.Uint64(uint64(h.seen))
	return nil
}

func (h *hold) Execute(_ int, rows *batch.Batch, _ *vertex.Outbox) (int, error) {
	for i, vs := range rows.Vs {
		if frame.CTI(vs) < h.seen {
			return 0, fmt.Errorf("row %d with vs %d below the CTI %d", i, vs, h.seen)
		}
	}
	h.rows.AppendBatch(rows, 0, rows.N)
	return rows.N, nil
}

func (h *hold) Close(cti frame.CTI, out *vertex.Outbox) (frame.CTI, bool, error) {
	if cti < h.seen {
		return 0, false, fmt.Errorf("CTI %d after %d", cti, h.seen)
	}
	view := h.rows.View()
	for h.at < view.N {
		room := out.Room()
		if room == 0 {
			return 0, false, nil
		}
		n := min(room, view.N-h.at)
		out.Rows.AppendBatch(view, h.at, h.at+n)
		h.at += n
	}
	low := cti
	for _, vs := range view.Vs {
		low = min(low, frame.CTI(vs))
	}
	h.rows.Reset()
	h.at = 0
	prev := h.seen
	h.seen = cti
	return min(low, max(prev, low)), true, nil
}

func newHold(Env) (vertex.Vertex, error) {
	return &hold{rows: batch.NewBuilder(rowSchema), seen: frame.MinCTI}, nil
}

func testRows(rng *rand.Rand, n int) *batch.Batch {
	b := batch.NewBuilder(rowSchema)
	vs := int64(0)
	for i := range n {
		vs += rng.Int64N(3)
		b.AppendTime(vs, 0, 0)
		b.Cols[0].AppendInt64(rng.Int64N(100))
		b.Cols[1].AppendInt64(int64(i))
	}
	return b.View()
}

// threeStages is source -> keyed -> sink.
func threeStages(src *vertextest.MemorySource, sink **vertextest.MemorySink, tasks int, unordered bool) *Plan {
	return &Plan{
		Job: "test",
		Stages: []Stage{
			{Name: "source", SourceName: "source", Tasks: len(src.Rows), Source: src},
			{Name: "keyed", Tasks: tasks, FirstTask: frame.TaskID(len(src.Rows)), Ops: []Op{
				{Name: "a", Schema: rowSchema, Inputs: []Input{{FromEdge, 0}}, New: newHold},
				{Name: "b", Schema: rowSchema, Inputs: []Input{{FromOp, 0}}, New: newHold},
			}},
			{Name: "sink", Tasks: 1, FirstTask: frame.TaskID(len(src.Rows) + tasks), Ops: []Op{
				{Name: "sink", Schema: rowSchema, Inputs: []Input{{FromEdge, 1}}, New: newHold},
			}, Sink: func(_ []byte, wake func()) (vertex.Sink, error) {
				*sink = vertextest.NewMemorySink(rowSchema, 3, wake)
				return *sink, nil
			}},
		},
		Edges: []Edge{
			{ID: 0, From: 0, FromOp: OpSource, To: 1, Schema: rowSchema, Keys: []int{0}, Unordered: unordered},
			{ID: 1, From: 1, FromOp: 1, To: 2, Schema: rowSchema},
		},
	}
}

func TestStepsToTheEndInAnyOrder(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { stepToTheEnd(t, seed) })
	}
}

func stepToTheEnd(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 3))
	src := &vertextest.MemorySource{MaxRead: 1 + rng.IntN(500), Stutter: rng.IntN(4)}
	if src.Stutter == 1 {
		src.Stutter = 0
	}
	var want []string
	for range 1 + rng.IntN(3) {
		rows := testRows(rng, rng.IntN(3000))
		src.Rows = append(src.Rows, rows)
		for i := range rows.N {
			want = append(want, line(rows, i))
		}
	}
	schedule := Schedule{Bytes: 1 << (6 + rng.IntN(12))}
	if rng.IntN(2) == 0 {
		schedule = Schedule{Length: time.Duration(1 + rng.IntN(1000)), StartNs: 1}
	}
	var sink *vertextest.MemorySink
	arena, err := ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: 64 << 10, LimitBytes: int64(1+rng.IntN(8)) << 20, SpillDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	cores := 1 + rng.IntN(3)
	w, err := NewWorker(Config{
		Plan: threeStages(src, &sink, 1+rng.IntN(9), rng.IntN(2) == 0), JobID: 1, Nodes: 1, Cores: cores, Incarnation: 1, Schedule: schedule,
		Admission: Admission{Ticks: 1 + rng.IntN(20), Bytes: 1 + rng.IntN(100_000)}, FrameBytes: 2048 + rng.IntN(30_000), CreditBytes: 1 << 16, LeaseBytes: 1 << rng.IntN(20),
		Arena: arena, Sums: true, Pages: func(int) state.Pages { return nil }, Nanotime: func() int64 { return 0 },
		Wake: func(int) {}, WakePeer: func(frame.NodeID) {}, Fail: func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	now := int64(1)
	for steps := 0; !w.Done(); steps++ {
		if steps > 5_000_000 {
			t.Fatalf("no end after %d steps; sources at %d", steps, w.owned.sources[0].closed)
		}
		now += rng.Int64N(50)
		if rng.IntN(10) == 0 {
			arena.Step()
			continue
		}
		if _, err := w.Core(rng.IntN(cores)).Step(now); err != nil {
			t.Fatal(err)
		}
	}
	got := sink.Rows.View()
	var lines []string
	for i := range got.N {
		lines = append(lines, line(got, i))
	}
	slices.Sort(lines)
	slices.Sort(want)
	if !slices.Equal(lines, want) {
		t.Fatalf("got %d rows, want %d", len(lines), len(want))
	}
	if !sink.Finished {
		t.Fatal("sink not finished")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := arena.Close(); err != nil {
		t.Fatal(err)
	}
}

func line(b *batch.Batch, i int) string {
	return fmt.Sprintf("%d %d %d", b.Vs[i], b.Cols[0].Int64s()[i], b.Cols[1].Int64s()[i])
}
