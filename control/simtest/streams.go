package simtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/shuffle/persist"
	"github.com/streamscope/streamscope/state/snapshot"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// streams is the store of what is persisted: far away, one for all nodes, and in memory. It outlives all processes.
type streams struct {
	sim     *Sim
	objects map[string][]byte
	away    int // it does not answer up to this step
}

// streamAge is how long whole ticks wait, in simulated time.
const streamAge = 20_000

// streamsFor makes the store if an edge is persisted.
func (s *Sim) streamsFor() {
	if !slices.ContainsFunc(s.cfg.Plan.Edges, func(e runtime.Edge) bool { return e.Policy.Keep == shuffle.Persist }) {
		return
	}
	s.streams = &streams{sim: s, objects: map[string][]byte{}}
	if rng := rand.New(rand.NewPCG(s.cfg.Seed, 18)); rng.IntN(3) == 0 {
		s.streams.away = rng.IntN(60_000)
	}
}

// newPersister makes the persister of a worker; nil if nothing is persisted there.
func (w *worker) newPersister(cfg *runtime.Config) *persist.Persister {
	if w.sim.streams == nil {
		return nil
	}
	return cfg.NewPersister(persist.Config{Store: w.sim.streams, ObjectBytes: []int64{1, 2000, 1 << 20}[w.sim.cfg.Seed%3], Age: streamAge})
}

// persist lets the persister do a step now and then.
func (w *worker) persist() {
	if w.sim.rng.IntN(6) > 0 || !w.sim.does(storing) {
		return
	}
	if _, err := w.persister.Step(w.sim.now); err != nil {
		w.persister = nil
		w.fail(fmt.Errorf("persisting: %w", err))
	}
}

// counts tells whether an image counts: if what went out before it is persisted.
func (w *worker) counts(stage int, t frame.Tick) bool {
	return w.sim.cfg.Broken == EarlyImage || t <= w.w.PersistedTo(stage)
}

var errAway = fmt.Errorf("simulated: %w", snapshot.ErrUnavailable)

// fails draws whether a call fails; done says that it was done all the same.
func (s *streams) fails() (failed, done bool) {
	if s.sim.steps < s.away {
		return true, false
	}
	return s.sim.flaky(), s.sim.rng.IntN(2) == 0
}

// Create implements snapshot.Store.
func (s *streams) Create(name string, write func(io.Writer) error) error {
	if err := snapshot.ValidName(name); err != nil {
		return err
	}
	failed, done := s.fails()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	if failed && !done {
		return errAway
	}
	if _, taken := s.objects[name]; taken {
		return snapshot.ErrExists
	}
	s.objects[name] = b.Bytes()
	if failed {
		return errAway
	}
	return nil
}

// stored is an object that is open.
type storedObject struct{ *bytes.Reader }

func (storedObject) Close() error { return nil }

// Open implements snapshot.Store.
func (s *streams) Open(name string) (snapshot.Object, error) {
	if failed, _ := s.fails(); failed {
		return nil, errAway
	}
	b, ok := s.objects[name]
	if !ok {
		return nil, snapshot.ErrNotFound
	}
	return storedObject{bytes.NewReader(b)}, nil
}

// List implements snapshot.Store.
func (s *streams) List(prefix string) (names []string, err error) {
	if failed, _ := s.fails(); failed {
		return nil, errAway
	}
	for name := range s.objects {
		if strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

var errUnused = errors.New("streams neither remove nor swap")

// Delete implements snapshot.Store.
func (s *streams) Delete(string) error { return errUnused }

// Load implements snapshot.Store.
func (s *streams) Load(string) ([]byte, snapshot.Version, error) { return nil, "", errUnused }

// Swap implements snapshot.Store.
func (s *streams) Swap(string, snapshot.Version, []byte) (snapshot.Version, error) {
	return "", errUnused
}

// checkStreams looks at what is persisted when the run is over: all of it is whole, without a gap, and what the channels closed.
func (s *Sim) checkStreams() error {
	if s.streams == nil {
		return nil
	}
	s.streams.away, s.calmMark = 0, 1 // nothing fails any more
	all, err := persist.Open(s.streams, simJob)
	if err != nil {
		return err
	}
	byEdge := map[frame.EdgeID]*persist.Stream{}
	for _, st := range all {
		byEdge[st.Edge] = st
	}
	for i := range s.cfg.Plan.Edges {
		if e := &s.cfg.Plan.Edges[i]; e.Policy.Keep == shuffle.Persist {
			st := byEdge[e.ID]
			if st == nil {
				return fmt.Errorf("edge %d was persisted nowhere", e.ID)
			}
			if err := s.checkStream(st); err != nil {
				return fmt.Errorf("what is persisted of edge %d: %w", e.ID, err)
			}
		}
	}
	return nil
}

func (s *Sim) checkStream(st *persist.Stream) error {
	reports, err := st.Check()
	if err != nil {
		return err
	}
	for i := range reports {
		if len(reports[i].Gaps) > 0 || !st.Ended() {
			return fmt.Errorf("node %d has gaps %v, through %d", reports[i].Node, reports[i].Gaps, st.Through())
		}
	}
	got := map[channel]map[frame.Tick]content{}
	to := s.cfg.Plan.Edges[st.Edge].To
	err = st.Read(1, frame.MaxTick, func(r *persist.Rows) error {
		c := channel{st.Edge, r.Node, s.nodeOf(to, r.Destination)}
		if got[c] == nil {
			got[c] = map[frame.Tick]content{}
		}
		sum := got[c][r.Tick]
		for i := range r.Batch.N {
			sum.rows++
			sum.hash += rowHash(r.Batch, i, uint64(r.Destination))
		}
		got[c][r.Tick] = sum
		s.persisted += uint64(r.Batch.N)
		return nil
	})
	if err != nil {
		return err
	}
	for c, closed := range s.channels {
		if c.edge != st.Edge {
			continue
		}
		for tick, is := range closed.ticks {
			if got[c][tick] != is {
				return fmt.Errorf("from node %d to %d tick %d was closed with %d rows (%x), persisted with %d (%x)", c.from, c.to, tick, is.rows, is.hash, got[c][tick].rows, got[c][tick].hash)
			}
		}
		for tick, is := range got[c] {
			if _, known := closed.ticks[tick]; !known && tick <= closed.through {
				return fmt.Errorf("from node %d to %d tick %d was closed without rows, persisted with %d", c.from, c.to, tick, is.rows)
			}
		}
	}
	return nil
}

// nodeOf is where a task of a stage is.
func (s *Sim) nodeOf(stage int, task frame.TaskID) frame.NodeID {
	for n := range s.cfg.Limits.Nodes {
		if s.cfg.Plan.TasksOn(stage, frame.NodeID(n), s.cfg.Limits.Nodes).Contains(task) {
			return frame.NodeID(n)
		}
	}
	return 0
}
