package bases

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/meta"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Canary is a rule to break.
type Canary string

// The canaries, with their names in PROTOCOL §3.
const (
	Intact Canary = ""
	M01    Canary = "M01"  // base without I8
	M01a   Canary = "M01a" // the same, and one crash of one worker is the only fault
	M04d   Canary = "M04d" // bases are not committed
	M07    Canary = "M07"  // a sink's image is saved before its output is
	M11    Canary = "M11"  // images below the newest are deleted
	M23    Canary = "M23"  // trims before the commit
	M25    Canary = "M25"  // restart from the newest image
	R26    Canary = "R26"  // base without I9: consumers do not count; not in PROTOCOL
	R35    Canary = "R35"  // a manager adopts whoever lives, of whatever incarnation; not in PROTOCOL
	R36    Canary = "R36"  // who is adopted does not hear of the lives of peers that it has missed; likewise
	R37    Canary = "R37"  // commands of lower epochs are obeyed; likewise
)

// Config is one schedule.
type Config struct {
	Seed   uint64
	Broken Canary
	// Calm: no faults at all, nothing starved, nobody slow.
	Calm bool
}

// Result tells what a schedule did.
type Result struct {
	Steps, Crashes, ManagerLosses, Fallbacks, Zombies int
	// Adopted workers, and events of managers that had a successor already.
	Adopted, Belated    int
	Recoveries          uint64
	LeastBase, LastMark frame.Tick // when sources were held, after the faults
}

// unitDisk is what a unit has on disk.
type unitDisk struct {
	images  map[frame.Tick]bool // by tick: whether it can be read
	journal frame.Tick          // of sources: the last record
	trimmed frame.Tick          // the journal holds what is above it
	ext     frame.Tick          // of sinks: output that is durable
	gap     bool                // of sinks: output is missing for ever
}

// World is a cluster.
type World struct {
	cfg    Config
	rng    *rand.Rand
	now    control.TimeNs
	nodes  int
	stages []control.StageShape
	from   [][]control.StageID
	end    frame.Tick // sources have so many ticks
	hold   frame.Tick // and go no further than this for now
	disks  map[control.Unit]*unitDisk
	fence  []frame.Incarnation // by node: older ones can write to disk no more
	store  *meta.Memory
	cached *control.Stored // what the store holds; nil: it may have changed
	boss   *boss
	old    []*boss // managers that have a successor, and do not know it yet
	// late are transactions of managers that are gone, still on their way to the store.
	late    []control.Txn
	procs   []*proc
	truncs  bool // who restarts removes the images above its restore tick
	faults  bool
	starved int          // kind of step that is rare
	slow    control.Unit // unit that is slow
	undead  int          // one in so many kills does not reach its victim
	frail   int          // one in so many faults is made the loss of a manager; 0: none
	giveUp  int          // failures without progress that end a run
	commits int
	done    bool
	err     error
	res     Result
}

const intervalNs, leaseNs, startNs, stopNs, attachNs = 100, 3000, 6000, 500, 1000

func newWorld(cfg Config) *World {
	w := &World{cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 1)), now: 1, disks: map[control.Unit]*unitDisk{}, store: meta.NewMemory()}
	w.nodes = 1 + w.rng.IntN(3)
	w.fence = make([]frame.Incarnation, w.nodes)
	w.end = frame.Tick(150 + w.rng.IntN(100))
	w.hold = w.end / 2
	w.truncs = w.rng.IntN(2) == 0
	w.faults = !cfg.Calm
	w.starved = w.rng.IntN(2 * kinds)
	w.graph()
	w.slow = control.Unit{Stage: control.StageID(w.rng.IntN(2 * len(w.stages))), Node: frame.NodeID(w.rng.IntN(w.nodes))}
	if cfg.Calm {
		w.starved, w.slow.Stage = kinds, control.StageID(len(w.stages))
		w.end, w.hold = 600, 500
	}
	w.undead, w.frail = 10, 0
	if cfg.Broken == R35 || cfg.Broken == R36 || cfg.Broken == R37 { // they show where managers follow each other
		w.undead, w.frail = 3, 2
	}
	w.giveUp = 1000
	if !cfg.Calm && w.chance(4) {
		w.giveUp = 3
	}
	w.store.Fault = w.storeFault
	return w
}

// graph draws stages in topological order: every stage but the first has an input among those before it.
func (w *World) graph() {
	n := 2 + w.rng.IntN(4)
	w.stages, w.from = make([]control.StageShape, n), make([][]control.StageID, n)
	for i := range n {
		s := &w.stages[i]
		s.Name = fmt.Sprint("stage", i)
		for node := range frame.NodeID(w.nodes) {
			if w.rng.IntN(3) > 0 {
				s.Nodes = append(s.Nodes, node)
			}
		}
		if len(s.Nodes) == 0 {
			s.Nodes = []frame.NodeID{frame.NodeID(w.rng.IntN(w.nodes))}
		}
		s.Source = i == 0 || (i < n-1 && w.rng.IntN(4) == 0)
		for !s.Source && len(w.from[i]) == 0 {
			for p := range i {
				if w.rng.IntN(2) == 0 {
					w.stages[p].To = append(w.stages[p].To, control.StageID(i))
					w.from[i] = append(w.from[i], control.StageID(p))
				}
			}
		}
		for _, node := range s.Nodes {
			w.disks[control.Unit{Stage: control.StageID(i), Node: node}] = &unitDisk{images: map[frame.Tick]bool{}}
		}
	}
}

// each visits all units in an order that only depends on the graph.
func (w *World) each(visit func(control.Unit)) {
	for s := range w.stages {
		for _, n := range w.stages[s].Nodes {
			visit(control.Unit{Stage: control.StageID(s), Node: n})
		}
	}
}

// consumers and producers of a stage's units.
func (w *World) consumers(s control.StageID) (all []control.Unit) {
	for _, to := range w.stages[s].To {
		for _, n := range w.stages[to].Nodes {
			all = append(all, control.Unit{Stage: to, Node: n})
		}
	}
	return all
}

func (w *World) producers(s control.StageID) (all []control.Unit) {
	for _, p := range w.from[s] {
		for _, n := range w.stages[p].Nodes {
			all = append(all, control.Unit{Stage: p, Node: n})
		}
	}
	return all
}

func (w *World) sink(s control.StageID) bool { return len(w.stages[s].To) == 0 }

func (w *World) identity() meta.Identity {
	return meta.Identity{Job: "bases", Nodes: w.nodes, Stages: len(w.stages)}
}

func (w *World) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

func (w *World) storeFault() meta.Fault {
	if !w.faults || w.cfg.Broken == M01a || w.rng.IntN(10) > 0 {
		return meta.NoFault
	}
	return meta.Fault(1 + w.rng.IntN(2))
}

// process finds the process of an incarnation that lives.
func (w *World) process(node frame.NodeID, inc frame.Incarnation) *proc {
	for _, p := range w.procs {
		if p.node == node && p.inc == inc {
			return p
		}
	}
	return nil
}

// chance is true once in n times.
func (w *World) chance(n int) bool { return w.rng.IntN(n) == 0 }

func newest(images map[frame.Tick]bool) (t frame.Tick) {
	for at := range images {
		t = max(t, at)
	}
	return t
}

func removeBelow(images map[frame.Tick]bool, t frame.Tick) {
	for at := range images {
		if at < t {
			delete(images, at)
		}
	}
}

func remove[T comparable](all []T, one T) []T {
	return slices.DeleteFunc(all, func(x T) bool { return x == one })
}
