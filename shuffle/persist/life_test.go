package persist

import (
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state/snapshot"
)

var testSchema = &batch.Schema{Fields: []batch.Field{{Name: "key", Kind: batch.Int64}, {Name: "text", Kind: batch.String}}}

const testJob = 7

// world is a job of one edge, of whose source tasks all are on node 0; node 1 has some of the destination tasks.
type world struct {
	t         testing.TB
	seed      uint64
	sources   int
	cluster   shuffle.Cluster
	edges     []shuffle.Edge
	ticks     frame.Tick // that have rows, perhaps
	store     snapshot.Store
	object    int64
	unordered bool
	now       func() time.Time // nil: objects have no time
}

func newWorld(t testing.TB, seed uint64, store snapshot.Store) *world {
	rng := rand.New(rand.NewPCG(seed, 1))
	w := &world{t: t, seed: seed, sources: 1 + rng.IntN(5), ticks: frame.Tick(5 + rng.IntN(40)), store: store, unordered: rng.IntN(2) == 0}
	w.object = []int64{1, 3000, 1 << 20}[rng.IntN(3)]
	source := shuffle.TaskRange{First: 0, Count: w.sources}
	w.cluster = shuffle.Cluster{Nodes: 2, Cores: 1 + rng.IntN(2), Placed: func(r shuffle.TaskRange, n frame.NodeID) shuffle.TaskRange {
		if r.First > 0 {
			return r.Part(int(n), 2)
		}
		if n == 0 {
			return r
		}
		return shuffle.TaskRange{First: r.First}
	}}
	w.edges = []shuffle.Edge{{Schema: testSchema, Source: source, Destination: shuffle.TaskRange{First: 100, Count: 1 + rng.IntN(7)}, Keys: []int{0},
		Unordered: w.unordered, Policy: shuffle.Policy{Keep: shuffle.Persist}}}
	return w
}

// rows are what a task emits in a tick: a function of both, and empty in one of three.
func (w *world) rows(task frame.TaskID, tick frame.Tick) *batch.Builder {
	rng := rand.New(rand.NewPCG(uint64(task), uint64(tick)+w.seed<<32))
	b := batch.NewBuilder(testSchema)
	if tick > w.ticks || rng.IntN(3) == 0 {
		return b
	}
	for range rng.IntN(30) {
		b.AppendTime(int64(tick), 0, 0)
		b.Cols[0].AppendInt64(rng.Int64N(1000))
		b.Cols[1].AppendBytes(make([]byte, rng.IntN(9)))
	}
	return b
}

// life is an incarnation of node 0 with its persister.
type life struct {
	*shuffle.Exchange
	w      *world
	p      *Persister
	step   func()
	cores  []*coreOf
	closed bool
	now    int64
	warned int
}

// coreOf is a core that emits.
type coreOf struct {
	id    int
	tasks shuffle.TaskRange
	tick  frame.Tick // closed by all of its tasks
	task  int        // that emits next
}

func (w *world) life(i frame.Incarnation, after frame.Tick) *life {
	t := w.t
	arena, err := ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: 64 << 10, LimitBytes: 1 << 20, SpillDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	l := &life{w: w, step: func() {
		for arena.Step() {
		}
	}}
	l.step()
	l.p = New(Config{Store: w.store, Job: testJob, Cluster: w.cluster, Incarnation: i, Edges: w.edges, Name: func(frame.EdgeID) string { return "a->b" },
		After: func(frame.EdgeID) frame.Tick { return after }, ObjectBytes: w.object, Age: time.Second, Warn: func(error) { l.warned++ }})
	l.Exchange, err = shuffle.NewExchange(shuffle.ExchangeConfig{Cluster: w.cluster, Job: testJob, Incarnation: i, Edges: w.edges, Arena: arena,
		FrameBytes: 2048, CreditBytes: 4096, LeaseBytes: 4096, Sums: true, Retain: true, Persister: l.p,
		Starts: []shuffle.Start{{Executed: after, Emitted: after, CTIs: slices.Repeat([]frame.CTI{frame.CTI(after)}, w.sources)}},
		Wake:   func(int) {}, WakePeer: func(frame.NodeID) {}, DrainedChanged: func() {}, Fail: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	l.p.Attach(l.Exchange)
	l.p.Date(w.now)
	for c := range w.cluster.Cores {
		l.cores = append(l.cores, &coreOf{id: c, tasks: w.cluster.On(w.edges[0].Source, 0, frame.CoreID(c)), tick: after})
	}
	t.Cleanup(func() {
		l.close()
		if err := arena.Close(); err != nil {
			t.Error(err) // something was not given back
		}
	})
	return l
}

func (l *life) close() {
	if !l.closed {
		l.closed = true
		if err := l.Exchange.Close(); err != nil {
			l.w.t.Error(err)
		}
	}
}

// emit has a core do a little, and executes what arrives at this node.
func (l *life) emit(rng *rand.Rand) {
	t := l.w.t
	c := l.cores[rng.IntN(len(l.cores))]
	port := l.Port(c.id)
	if c.tasks.Count > 0 && c.tick < frame.MaxTick {
		l.emitTick(c, port, rng)
	}
	if rng.IntN(2) == 0 {
		if _, err := port.FlushAll(); err != nil {
			t.Fatal(err)
		}
	}
	l.step()
	for id := range l.cores {
		port := l.Port(id)
		if _, err := port.Poll(); err != nil {
			t.Fatal(err)
		}
		if l.w.cluster.On(l.w.edges[0].Destination, 0, frame.CoreID(id)).Count > 0 {
			port.Executed(0, port.Closed(0))
		}
	}
}

func (l *life) emitTick(c *coreOf, port *shuffle.Port, rng *rand.Rand) {
	w := l.w
	tick := c.tick + 1
	if tick > w.ticks { // the end
		for i := range c.tasks.Count {
			port.Close(0, c.tasks.First+frame.TaskID(i), tick, frame.MaxTick, frame.CTI(c.tick), frame.MaxCTI)
		}
		c.tick = frame.MaxTick
		return
	}
	if c.task < c.tasks.Count {
		task := c.tasks.First + frame.TaskID(c.task)
		rows := w.rows(task, tick)
		if rows.Len() > 0 {
			if ok, err := port.Append(0, task, tick, rows.View()); err != nil {
				w.t.Fatal(err)
			} else if !ok {
				return
			}
		}
		c.task++
		return
	}
	c.task = 0
	last := tick
	for rng.IntN(2) == 0 && last < w.ticks && w.idle(c.tasks, last+1) && w.idle(c.tasks, tick) {
		last++
	}
	if last > tick {
		port.CloseIdle(0, tick, last)
	} else {
		for i := range c.tasks.Count {
			port.Close(0, c.tasks.First+frame.TaskID(i), tick, tick, frame.CTI(tick-1), frame.CTI(tick))
		}
	}
	c.tick = last
}

// emitted reports whether all has been emitted.
func (l *life) emitted() bool {
	return !slices.ContainsFunc(l.cores, func(c *coreOf) bool { return c.tasks.Count > 0 && c.tick < frame.MaxTick })
}

func (w *world) idle(tasks shuffle.TaskRange, t frame.Tick) bool {
	for i := range tasks.Count {
		if w.rows(tasks.First+frame.TaskID(i), t).Len() > 0 {
			return false
		}
	}
	return true
}

// persist lets the persister do a step, some time later.
func (l *life) persist(rng *rand.Rand) error {
	l.now += rng.Int64N(1e9)
	_, err := l.p.Step(l.now)
	return err
}

// check compares what the store has with what was to be sent, up to a tick.
func (w *world) check(to frame.Tick) {
	t := w.t
	t.Helper()
	streams, err := Open(w.store, testJob)
	if err != nil || len(streams) != 1 {
		t.Fatalf("seed %d: %d streams, %v", w.seed, len(streams), err)
	}
	s := streams[0]
	if _, err := s.Check(); err != nil {
		t.Fatalf("seed %d: %v", w.seed, err)
	}
	type key struct {
		tick frame.Tick
		src  frame.TaskID
	}
	got := map[key]int{}
	var last Rows
	err = s.Read(1, to, func(r *Rows) error {
		if r.Tick < last.Tick || r.Tick == last.Tick && r.Destination < last.Destination {
			t.Errorf("seed %d: rows of tick %d, task %d after tick %d, task %d", w.seed, r.Tick, r.Destination, last.Tick, last.Destination)
		}
		last = *r
		k := key{tick: r.Tick}
		if !w.unordered {
			k.src = r.Source
		}
		got[k] += r.Batch.N
		return nil
	})
	if err != nil {
		t.Fatalf("seed %d: %v", w.seed, err)
	}
	want := map[key]int{}
	for tick := frame.Tick(1); tick <= min(to, w.ticks); tick++ {
		for task := range frame.TaskID(w.sources) {
			k := key{tick: tick}
			if !w.unordered {
				k.src = task
			}
			if n := w.rows(task, tick).Len(); n > 0 {
				want[k] += n
			}
		}
	}
	if len(got) != len(want) {
		t.Errorf("seed %d: rows of %d ticks and tasks, want %d", w.seed, len(got), len(want))
	}
	for k, n := range want {
		if got[k] != n {
			t.Errorf("seed %d: %d rows of %+v, want %d", w.seed, got[k], k, n)
		}
	}
	w.sameCells(s, to)
}

// sameCells compares cells, each task's rows in the order in which it emitted them; of an unordered edge, all rows of a tick sorted.
func (w *world) sameCells(s *Stream, to frame.Tick) {
	t := w.t
	t.Helper()
	var got, want []string
	render := func(b *batch.Batch, tick frame.Tick, src frame.TaskID, dst *[]string) {
		if w.unordered {
			src = 0
		}
		for i := range b.N {
			*dst = append(*dst, string(rune(tick))+string(rune(src))+string(rune(b.Cols[0].Int64s()[i]))+string(b.Cols[1].Bytes(i)))
		}
	}
	if err := s.Read(1, to, func(r *Rows) error { render(r.Batch, r.Tick, r.Source, &got); return nil }); err != nil {
		t.Fatal(err)
	}
	for tick := frame.Tick(1); tick <= min(to, w.ticks); tick++ {
		for task := range frame.TaskID(w.sources) {
			render(w.rows(task, tick).View(), tick, task, &want)
		}
	}
	slices.Sort(got) // by destination otherwise
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("seed %d: the cells are not those that were sent", w.seed)
	}
}

// faulty is a store that fails as it is told: before it has done anything, or after.
type faulty struct {
	snapshot.Store
	rng *rand.Rand // nil: it does not fail
}

var errFaulty = errors.New("the store fails")

func (f *faulty) Create(name string, write func(io.Writer) error) error {
	if f.rng == nil {
		return f.Store.Create(name, write)
	}
	switch f.rng.IntN(4) {
	case 0:
		return errFaulty
	case 1:
		return errors.Join(f.Store.Create(name, write), errFaulty)
	case 2:
		return f.Store.Create(name, func(w io.Writer) error { // the disk is full in the middle
			return write(&fullWriter{w, f.rng.IntN(4000)})
		})
	}
	return f.Store.Create(name, write)
}

func (f *faulty) List(prefix string) ([]string, error) {
	if f.rng != nil && f.rng.IntN(3) == 0 {
		return nil, errFaulty
	}
	return f.Store.List(prefix)
}

func (f *faulty) Open(name string) (snapshot.Object, error) {
	if f.rng != nil && f.rng.IntN(3) == 0 {
		return nil, errFaulty
	}
	return f.Store.Open(name)
}

type fullWriter struct {
	w    io.Writer
	room int
}

func (f *fullWriter) Write(b []byte) (int, error) {
	if len(b) > f.room {
		return 0, errFaulty
	}
	f.room -= len(b)
	return f.w.Write(b)
}
