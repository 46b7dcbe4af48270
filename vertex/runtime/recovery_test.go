package runtime

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/journal"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/state/snapshot"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

// disk survives the workers of a test: what was made durable, and what was on its way when one died is lost.
type disk struct {
	journals map[int]*memoryJournal
	images   []map[frame.Tick][]byte // by stage
	writing  []func()                // images that are not durable
	parts    int                     // of all images
}

func newDisk(stages int) *disk {
	d := &disk{journals: map[int]*memoryJournal{}}
	for range stages {
		d.images = append(d.images, map[frame.Tick][]byte{})
	}
	return d
}

type memoryJournal struct {
	records []journal.Record
	durable uint64
	changed func()
}

func (j *memoryJournal) Append(r journal.Record) (uint64, error) {
	j.records = append(j.records, r.Clone())
	return uint64(len(j.records)), nil
}
func (j *memoryJournal) Room() bool      { return true }
func (j *memoryJournal) Durable() uint64 { return j.durable }
func (j *memoryJournal) Trim(frame.Tick) {}
func (j *memoryJournal) Close() error    { return nil }

func (d *disk) journal(stage int, changed func()) (Journal, []journal.Record, error) {
	j := d.journals[stage]
	if j == nil {
		j = &memoryJournal{}
		d.journals[stage] = j
	}
	j.changed = changed
	return j, slices.Clone(j.records), nil
}

// save stores an image later, when its tasks have gone on.
func (d *disk) save(stage int, t frame.Tick, image snapshot.Image) {
	d.writing = append(d.writing, func() {
		b, err := image.Encode()
		if err != nil {
			panic(err)
		}
		image.Release()
		d.images[stage][t] = b
		d.parts += len(image.Parts)
	})
}

// step makes something durable.
func (d *disk) step(rng *rand.Rand) {
	for _, j := range d.journals {
		if n := uint64(len(j.records)) - j.durable; n > 0 && rng.IntN(2) == 0 {
			j.durable += 1 + rng.Uint64N(n)
			j.changed()
		}
	}
	if len(d.writing) > 0 && rng.IntN(2) == 0 {
		d.writing[0]()
		d.writing = d.writing[1:]
	}
}

func (d *disk) crash() {
	d.writing = nil
	for _, j := range d.journals {
		j.records = j.records[:j.durable]
	}
}

// base is, by stage of a chain of stages, the newest image that no stage behind it needs something older than (PROTOCOL T11).
func (d *disk) base() []frame.Tick {
	base := make([]frame.Tick, len(d.images))
	need := frame.MaxTick
	for i := len(d.images) - 1; i >= 0; i-- {
		for t := range d.images[i] {
			if t <= need {
				base[i] = max(base[i], t)
			}
		}
		need = base[i]
	}
	return base
}

func (d *disk) recovery(p *Plan) (*Recovery, error) {
	r := &Recovery{Journal: d.journal, Save: d.save, Lost: func(int, frame.Tick, error) {}, Images: make([]*Image, len(p.Stages))}
	for i, t := range d.base() {
		if t == 0 {
			continue
		}
		l, err := snapshot.Decode(d.images[i][t])
		if err != nil {
			return nil, err
		}
		if r.Images[i], err = p.ParseImage(i, p.TasksOn(i, 0, 1), l.Extra, l.Parts); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func TestRestartsAnywhere(t *testing.T) {
	restarts, images, parts := 0, 0, 0
	for seed := range uint64(100) {
		r, i, p := restartAnywhere(t, seed)
		restarts += r
		images += i
		parts += p
	}
	t.Logf("%d restarts, %d of them from an image; %d parts were stored", restarts, images, parts)
	if images < restarts/4 || images == 0 || parts == 0 {
		t.Errorf("%d of %d restarts were from an image: the test looks at the beginning only", images, restarts)
	}
}

// restartAnywhere runs a job on one node that loses its process again and again.
func restartAnywhere(t *testing.T, seed uint64) (restarts, fromImage, parts int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 4))
	src := &vertextest.MemorySource{MaxRead: 1 + rng.IntN(500), Stutter: 2 * rng.IntN(3)}
	var want []string
	for range 1 + rng.IntN(3) {
		rows := testRows(rng, rng.IntN(3000))
		src.Rows = append(src.Rows, rows)
		for i := range rows.N {
			want = append(want, line(rows, i))
		}
	}
	out := vertextest.NewMemoryOutput(rowSchema)
	out.Stutter = 3
	d := newDisk(3)
	out.Later = func(answer func()) { d.writing = append(d.writing, answer) }
	var unused *vertextest.MemorySink
	p := threeStages(src, &unused, 1+rng.IntN(9), rng.IntN(2) == 0)
	p.Stages[1].Ops[1].New = newTally
	p.Stages[2].Sink = func(position []byte, wake func()) (vertex.Sink, error) { return out.Open(position, wake) }
	schedule := Schedule{Bytes: 1 << (6 + rng.IntN(9))}
	if rng.IntN(2) == 0 {
		schedule = Schedule{Length: time.Duration(1 + rng.IntN(1000)), StartNs: 1}
	}
	cfg := Config{
		Plan: p, JobID: 1, Nodes: 1, Schedule: schedule,
		Admission: Admission{Ticks: 1 + rng.IntN(20), Bytes: 1 + rng.IntN(100_000)}, FrameBytes: 2048 + rng.IntN(30_000), CreditBytes: 1 << 16, LeaseBytes: 1 << rng.IntN(20),
		Sums: true, Pages: func(int) state.Pages { return state.NewHeapPages(0) }, Nanotime: func() int64 { return 0 },
		Wake: func(int) {}, WakePeer: func(frame.NodeID) {}, Fail: func(err error) { t.Errorf("seed %d: %v", seed, err) },
	}
	now := int64(1)
	for life := 1; ; life++ {
		cfg.Incarnation = frame.Incarnation(life)
		cfg.Cores = 1 + rng.IntN(3) // a restart may have others
		var err error
		if cfg.Recovery, err = d.recovery(p); err != nil {
			t.Fatalf("seed %d, life %d: %v", seed, life, err)
		}
		if life > 1 {
			restarts++
			if cfg.Recovery.Images[0] != nil {
				fromImage++
			}
		}
		if cfg.Arena, err = ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: 64 << 10, LimitBytes: int64(1+rng.IntN(8)) << 20, SpillDir: t.TempDir()}); err != nil {
			t.Fatal(err)
		}
		patience := 1 << 30
		if life < 6 {
			patience = rng.IntN(1 << (6 + rng.IntN(8)))
		}
		done, stats := liveOnce(t, seed, cfg, d, rng, &now, patience)
		if err := cfg.Arena.Close(); err != nil {
			t.Fatal(err)
		}
		if done {
			if n := uint64(len(want)); stats.EventsIn != n || stats.EventsOut != n {
				t.Errorf("seed %d: %d events in and %d out counted over %d restarts, want %d", seed, stats.EventsIn, stats.EventsOut, restarts, n)
			}
			break
		}
		d.crash()
	}
	got := out.Rows.View()
	var lines []string
	for i := range got.N {
		lines = append(lines, line(got, i))
	}
	slices.Sort(lines)
	slices.Sort(want)
	if !slices.Equal(lines, want) || !out.Finished {
		t.Fatalf("seed %d: got %d rows after %d restarts, want %d", seed, len(lines), restarts, len(want))
	}
	return restarts, fromImage, d.parts
}

// liveOnce is one life of the process. It returns whether the job came to its end, and what it counted.
func liveOnce(t *testing.T, seed uint64, cfg Config, d *disk, rng *rand.Rand, now *int64, patience int) (bool, Stats) {
	t.Helper()
	w, err := NewWorker(cfg)
	if err != nil {
		t.Fatalf("seed %d, life %d: %v", seed, cfg.Incarnation, err)
	}
	for steps := 0; steps < patience && !w.Done(); steps++ {
		if steps > 5_000_000 {
			t.Fatalf("seed %d: no end after %d steps: %+v", seed, steps, w.Progress())
		}
		*now += rng.Int64N(50)
		switch rng.IntN(20) {
		case 0, 1:
			cfg.Arena.Step()
		case 2, 3:
			d.step(rng)
		case 4:
			if rng.IntN(5) == 0 {
				w.Mark(w.Progress().Opened + frame.Tick(rng.IntN(30))) // some too late
			}
		default:
			if _, err := w.Core(rng.IntN(cfg.Cores)).Step(*now); err != nil {
				t.Fatalf("seed %d, life %d: %v", seed, cfg.Incarnation, err)
			}
		}
	}
	done, stats := w.Done(), w.Stats()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return done, stats
}

// A damaged or foreign image is refused in words, never loaded.
func TestImagesAreNotTrusted(t *testing.T) {
	src := &vertextest.MemorySource{Rows: nil}
	rng := rand.New(rand.NewPCG(1, 1))
	src.Rows = append(src.Rows, testRows(rng, 2000))
	out := vertextest.NewMemoryOutput(rowSchema)
	d := newDisk(3)
	var unused *vertextest.MemorySink
	p := threeStages(src, &unused, 2, false)
	p.Stages[2].Sink = func(position []byte, wake func()) (vertex.Sink, error) { return out.Open(position, wake) }
	arena, err := ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: 64 << 10, LimitBytes: 8 << 20, SpillDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer arena.Close()
	rec, err := d.recovery(p)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Plan: p, JobID: 1, Nodes: 1, Cores: 1, Incarnation: 1, Schedule: Schedule{Bytes: 256}, Admission: Admission{Ticks: 4, Bytes: 1 << 20},
		FrameBytes: 4096, CreditBytes: 1 << 16, LeaseBytes: 1 << 16, Arena: arena, Pages: func(int) state.Pages { return nil }, Nanotime: func() int64 { return 0 },
		Wake: func(int) {}, WakePeer: func(frame.NodeID) {}, Fail: func(err error) { t.Error(err) }, Recovery: rec}
	w, err := NewWorker(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.Mark(5)
	for range 100_000 {
		arena.Step()
		d.step(rng)
		if _, err := w.Core(0).Step(1); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(slices.Sorted(maps.Keys(d.images[1]))); got != "[5]" {
		t.Fatalf("images after ticks %s, want [5]", got)
	}
	tasks := p.TasksOn(1, 0, 1)
	l, err := snapshot.Decode(d.images[1][5])
	if err != nil {
		t.Fatal(err)
	}
	good := l.Extra
	if _, err := p.ParseImage(1, tasks, good, nil); err != nil {
		t.Fatal(err)
	}
	for n := range len(good) {
		if _, err := p.ParseImage(1, tasks, good[:n], nil); err == nil {
			t.Fatalf("%d of %d bytes were taken", n, len(good))
		}
	}
	if _, err := p.ParseImage(0, tasks, good, nil); err == nil {
		t.Error("the image of another stage was taken")
	}
	if _, err := p.ParseImage(1, tasks, append(slices.Clone(good), 0), nil); err == nil {
		t.Error("an image with a byte behind it was taken")
	}
}
