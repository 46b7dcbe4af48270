package simtest

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/control/plan"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/expr"
	"github.com/streamscope/streamscope/vertex/runtime"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

// lateness is how far rows of random sources lie behind the latest of their split.
const lateness = 20 * time.Microsecond

var graphSchema = &batch.Schema{Fields: []batch.Field{{Name: "key", Kind: batch.Int64}, {Name: "val", Kind: batch.Int64}}}

// graph is a random job over (key, val): one to three sources, up to five operators over whatever streams there are, and an ordered sink
// over all that nobody else reads. Equal random numbers give equal graphs with fresh sources.
type graph struct {
	rng     *rand.Rand
	job     *job.Job
	streams []job.Stream
	read    []bool // by stream: somebody reads it
	ops     int
}

// gate holds the ends of sources back: of all their splits, or of the first.
type gate struct {
	shut  bool
	all   bool
	wakes []func()
}

func (g *gate) open() {
	g.shut = false
	for _, wake := range g.wakes {
		wake()
	}
}

// gatedSource does not end while the gate is shut, and gives rows to one in so many reads: what is written down at once is lost with no fault.
type gatedSource struct {
	*vertextest.MemorySource
	gate   *gate
	seldom int
	kept   []uint64 // by split, of a source that cannot be read again; nil: it can
}

// Reread implements vertex.Rereader.
func (s *gatedSource) Reread() bool { return s.kept == nil }

func (s *gatedSource) Open(split vertex.Split, at vertex.SnapshotReader, wake func()) (vertex.SplitReader, error) {
	g := &gatedReader{wake: wake, seldom: s.seldom}
	if split.ID == 0 || s.gate.all {
		g.gate = s.gate
	}
	var err error
	if s.kept != nil {
		tape, err := openTape(split.Name, s.Rows[split.ID], &s.kept[split.ID], at, wake)
		g.SplitReader = tape
		return gatedTape{g, tape}, err
	}
	g.SplitReader, err = s.MemorySource.Open(split, at, wake)
	return g, err
}

type gatedReader struct {
	vertex.SplitReader
	gate   *gate // nil: it has none
	wake   func()
	seldom int
	reads  int
}

func (r *gatedReader) Read(rows int) (*batch.Batch, error) {
	if r.reads++; r.reads%r.seldom != 0 {
		r.wake()
		return nil, nil
	}
	b, err := r.SplitReader.Read(rows)
	if r.gate != nil && r.gate.shut && errors.Is(err, io.EOF) {
		r.gate.wakes = append(r.gate.wakes, r.wake)
		return nil, nil
	}
	return b, err
}

// class bounds what random runs draw.
type class struct {
	rows, sources, splits, ops, tasks int // rows of a split, splits of a source, tasks of a stage
	least, seldom                     int // rows of the first split; a power of two bounds how many reads bring nothing for one that does
	draw                              func(*rand.Rand) (Limits, *Faults)
	plan                              func(*runtime.Plan) // changes what was drawn; nil: persistence, twins and tapes are drawn, too
	endless                           int                 // steps after which a run that breaks a rule has no end
}

var large = class{rows: randomRows, sources: 3, splits: 3, ops: 5, tasks: 5, seldom: 4, draw: drawLarge, endless: 2_000_000}

// drawGraph builds a random job that writes to sink.
func drawGraph(rng *rand.Rand, sink job.Sink, c class, end *gate) (*job.Graph, error) {
	g := &graph{rng: rng, job: job.New("random")}
	for i := range 1 + rng.IntN(c.sources) {
		src := g.source(c)
		seldom := min(1<<g.rng.IntN(c.seldom), src.MaxRead) // no more reads than there are rows
		g.push(g.job.Source(fmt.Sprint("source", i), &gatedSource{src, end, seldom, nil}))
	}
	for range 1 + rng.IntN(c.ops) {
		g.grow()
	}
	var rest []job.Stream
	for i, s := range g.streams {
		if !g.read[i] {
			rest = append(rest, s)
		}
	}
	out := rest[0]
	if len(rest) > 1 {
		out = out.Union(g.name("union"), rest[1:]...)
	}
	g.job.OrderedSink("sink", out, job.OrderBy("key", "val"), sink)
	return g.job.Build()
}

func (g *graph) push(s job.Stream) {
	g.streams = append(g.streams, s)
	g.read = append(g.read, false)
}

func (g *graph) name(kind string) string {
	g.ops++
	return fmt.Sprint(kind, g.ops)
}

// pick takes any stream, one that somebody reads already too: the graph fans out.
func (g *graph) pick() job.Stream {
	i := g.rng.IntN(len(g.streams))
	g.read[i] = true
	return g.streams[i]
}

// source is one of a few splits; some have few rows, or are slow, so that their ticks are empty for long.
func (g *graph) source(c class) *vertextest.MemorySource {
	src := &vertextest.MemorySource{MaxRead: 1 + g.rng.IntN(100), Stutter: 2 + g.rng.IntN(3)}
	for range 1 + g.rng.IntN(c.splits) {
		b := batch.NewBuilder(graphSchema)
		vs := int64(0)
		n := g.rng.IntN(1 + c.rows>>(g.rng.IntN(3)*2))
		if len(g.streams) == 0 && len(src.Rows) == 0 {
			n = max(n, c.least)
		}
		for range n {
			vs += g.rng.Int64N(4)
			b.AppendTime(max(0, vs-g.rng.Int64N(lateness.Microseconds())), 0, 0)
			b.Cols[0].AppendInt64(g.rng.Int64N(30))
			b.Cols[1].AppendInt64(g.rng.Int64N(1000))
		}
		src.Rows = append(src.Rows, b.View())
	}
	return src
}

// grow adds an operator; streams stay (key, val).
func (g *graph) grow() {
	key, val := expr.Col("key"), expr.Col("val")
	us := func(n int) time.Duration { return time.Duration(1+g.rng.IntN(n)) * time.Microsecond }
	switch in := g.pick(); g.rng.IntN(7) {
	case 0:
		g.push(in.Filter(g.name("filter"), val.Gt(expr.Int(int64(g.rng.IntN(300))))))
	case 1:
		g.push(in.Project(g.name("project"), job.As("key", key.FloorDiv(expr.Int(1+g.rng.Int64N(4)))), job.As("val", val.Add(expr.Int(1)))))
	case 2:
		l := job.Lifetime{Vs: expr.Vs().Add(expr.Duration(us(40))), Duration: expr.Duration(us(60))}
		g.push(in.AlterLifetime(g.name("shift"), l))
	case 3:
		g.push(in.Union(g.name("union"), g.pick()))
	case 4:
		hop := us(60)
		w := in.Window(g.name("window"), job.Hopping(hop*time.Duration(1+g.rng.IntN(3)), hop)).GroupBy("key")
		g.push(g.plain(w.Aggregate([]job.Aggregate{job.Count("val"), job.Sum("val", val), job.Max("val", val)}[g.rng.IntN(3)])))
	default:
		short := func(s job.Stream) job.Stream {
			return s.AlterLifetime(g.name("lifetime"), job.Lifetime{Duration: expr.Duration(us(12))})
		}
		left, right := short(in), short(g.pick())
		take := job.Take(job.Left("key"), job.Right("val"))
		if g.rng.IntN(2) == 0 {
			g.push(left.Join(g.name("join"), right, job.On("key"), take))
		} else {
			g.push(g.plain(left.LeftJoin(g.name("join"), right, job.On("key"), take)))
		}
	}
}

// plain makes columns that may be null those of every stream.
func (g *graph) plain(s job.Stream) job.Stream {
	return s.Project(g.name("plain"), job.As("key", expr.Col("key")), job.As("val", expr.Coalesce(expr.Col("val"), expr.Int(-1))))
}

// graphRun is a random graph, planned, and the output that its sink writes to.
type graphRun struct {
	plan    *runtime.Plan
	out     *vertextest.MemoryOutput
	end     *gate
	planned *plan.Plan
	sink    *outputSink
}

// planGraph draws the graph of a seed and plans it with the numbers of another.
func planGraph(seed uint64, rng *rand.Rand, c class) (*graphRun, error) {
	sink := &outputSink{out: &vertextest.MemoryOutput{Stutter: 3}}
	end := &gate{}
	g, err := drawGraph(rand.New(rand.NewPCG(seed, 10)), sink, c, end)
	if err != nil {
		return nil, fmt.Errorf("seed %d: %w", seed, err)
	}
	p, err := plan.Build(g, plan.Options{Tasks: 1 + rng.IntN(c.tasks), Fuse: rng.IntN(3) > 0})
	if err != nil {
		return nil, fmt.Errorf("seed %d: %w", seed, err)
	}
	drawPolicies(rand.New(rand.NewPCG(seed, 15)), p)
	return &graphRun{p.Runtime, sink.out, end, p, sink}, nil
}

// drawTwins has some stages executed twice, in one of three runs.
func drawTwins(rng *rand.Rand, p *plan.Plan, nodes int) {
	if nodes < 2 || rng.IntN(3) > 0 {
		return
	}
	for i := range p.Runtime.Stages {
		if p.NotTwice(i) == "" && rng.IntN(3) > 0 {
			p.Runtime.Twin(i)
		}
	}
}

// drawPolicies gives each edge a policy, and each stage a strategy of its own.
func drawPolicies(rng *rand.Rand, p *plan.Plan) {
	for i := range p.Runtime.Edges {
		keep := &p.Runtime.Edges[i].Policy
		if keep.Keep = []shuffle.Keep{shuffle.Retain, shuffle.Recompute, shuffle.Replicate}[rng.IntN(3)]; keep.Keep == shuffle.Replicate {
			keep.Copies = 1 + rng.IntN(2)
		}
	}
	for i := range p.Runtime.Stages {
		if p.NotReplayed(i) == "" && rng.IntN(3) > 0 {
			p.Runtime.Stages[i].Strategy = runtime.Replay
		}
	}
}

// drawPersist has some of the edges that keep all persisted.
func drawPersist(rng *rand.Rand, p *runtime.Plan) {
	if rng.IntN(2) == 0 {
		return
	}
	for i := range p.Edges {
		if keep := &p.Edges[i].Policy; keep.Keep == shuffle.Retain && rng.IntN(3) > 0 {
			keep.Keep = shuffle.Persist
		}
	}
}

// lines are the rows of the output.
func (g *graphRun) lines() []string {
	if g.out.Rows == nil {
		return nil
	}
	b := g.out.Rows.View()
	lines := make([]string, 0, b.N)
	for i := range b.N {
		ve := int64(-1)
		if b.Schema.HasVe {
			ve = b.Ve[i]
		}
		lines = append(lines, fmt.Sprint(b.Vs[i], ve, b.Cols[0].Int64s()[i], b.Cols[1].Int64s()[i]))
	}
	return lines
}

// calmLines is what the graph gives on one node that nothing happens to, as one task of a stage each.
func calmLines(seed uint64, c class) ([]string, error) {
	g, err := planGraph(seed, rand.New(rand.NewPCG(seed, 11)), c)
	if err != nil {
		return nil, err
	}
	l := Degenerate(rand.New(rand.NewPCG(seed, 12)))
	l.Nodes, l.Cores, l.Schedule = 1, 1, runtime.Schedule{Bytes: 4 << 10}
	_, err = Run(Config{Seed: seed, Limits: l, Plan: g.plan, MaxSteps: 3_000_000, Lateness: lateness})
	if err != nil {
		return nil, fmt.Errorf("without faults: %w", err)
	}
	return g.lines(), nil
}

// compareCounts wants every row that was read and every row of the output counted once, whatever was done again. A manager that has only to end
// the commit of the one before has no workers, and counts nothing.
func (g *graphRun) compareCounts(r Result) error {
	read, s := 0, r.Outcome.Stats
	if r.Happened[CrashAll]+r.Happened[Manager]+r.Happened[Rival] > 0 && s.EventsIn == 0 && s.EventsOut == 0 {
		return nil
	}
	for i := range g.plan.Stages {
		if src, ok := g.plan.Stages[i].Source.(*gatedSource); ok {
			for _, rows := range src.Rows {
				read += rows.N
			}
		}
	}
	if wrote := len(g.lines()); s.EventsIn != uint64(read) || s.EventsOut != uint64(wrote) {
		return fmt.Errorf("%d events in and %d out are counted, want %d and %d", s.EventsIn, s.EventsOut, read, wrote)
	}
	return nil
}

// compareLines tells where two results differ.
func compareLines(got, want []string) error {
	if slices.Equal(got, want) {
		return nil
	}
	return fmt.Errorf("got %d rows, want %d: %s", len(got), len(want), firstDifference(got, want))
}
