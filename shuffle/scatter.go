package shuffle

import (
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/shuffle/partition"
)

// run says that the staged rows from row `from` on, up to the next run, came from a source task.
type run struct {
	task frame.TaskID
	from int32
}

// manyPlaces is the number of destinations from which on rows are gathered in order instead of being scattered: with so many open lines
// a store waits longer for its line than a load does. Loads of several rows are under way at a time, and what they bring is written in
// order.
const manyPlaces = 128

// scatter is the partition-sorted order of a set of staged rows: one counting-sort pass by (node, source task, destination task),
// stable, so that rows of a channel keep their order. Its memory is reused from flush to flush.
type scatter struct {
	edge   *Edge
	table  *partition.Routing
	nodes  []TaskRange // destination tasks by node
	parts  []nodeRows  // by node
	gather bool        // perm is made, instead of place
	hashes []uint64
	place  []uint32 // of each staged row: its destination task, counted from Destination.First; then, unless gather, its place in the sorted order
	perm   []int32  // the inverse: staged rows in sorted order; made when it is asked for
	sorted bool     // perm is that of place
	ends   []uint32 // by (source, destination): where its rows end in the sorted order
	groups []cell
	srcs   []frame.TaskID
}

// nodeRows are the rows for a node: [from, to) in the sorted order, of so many (source, destination) groups.
type nodeRows struct {
	from, to int32
	groups   int
}

// cell is a non-empty (node, source, destination) group: rows perm[from:to].
type cell struct {
	node     frame.NodeID
	src, dst frame.TaskID
	from, to int32
}

func newScatter(e *Edge, k Cluster) (*scatter, error) {
	s := &scatter{edge: e, nodes: make([]TaskRange, k.Nodes), parts: make([]nodeRows, k.Nodes), gather: e.Destination.Count >= manyPlaces}
	for n := range s.nodes {
		s.nodes[n] = k.OnNode(e.Destination, frame.NodeID(n))
	}
	if len(e.Keys) == 0 || e.Destination.Count == 1 {
		return s, nil
	}
	var err error
	s.table, err = partition.NewRouting(partition.KeyGroups(e.Destination.Count), e.Destination.Count)
	return s, err
}

// sort orders the rows of b, whose source tasks runs tells, and says in parts what goes to which node.
func (s *scatter) sort(b *batch.Batch, runs []run) {
	s.sorted = s.gather
	if s.gather {
		s.perm = grow(s.perm, b.N)
	}
	s.route(b)
	sources := s.sources(runs)
	nDst := s.edge.Destination.Count
	s.ends = grow(s.ends, len(sources)*nDst)
	clear(s.ends)
	for i, r := range runs {
		counts := s.ends[sourceIndex(sources, r.task)*nDst:][:nDst]
		for _, d := range s.place[r.from:runEnd(runs, i, b.N)] {
			counts[d]++
		}
	}
	s.begin(len(sources))
	for i, r := range runs {
		next := s.ends[sourceIndex(sources, r.task)*nDst:][:nDst]
		if end := runEnd(runs, i, b.N); s.gather {
			s.line(next, r.from, end)
		} else {
			s.assign(next, r.from, end)
		}
	}
}

// begin turns counts, in ends, into where the groups begin.
func (s *scatter) begin(sources int) {
	at := uint32(0)
	for n, tasks := range s.nodes {
		part := &s.parts[n]
		part.from, part.groups = int32(at), 0
		for i := range sources {
			counts := s.group(i, tasks)
			for d, c := range counts {
				counts[d] = at
				at += c
				if c > 0 {
					part.groups++
				}
			}
		}
		part.to = int32(at)
	}
}

// group is the part of ends for some destination tasks and the i-th source.
func (s *scatter) group(i int, tasks TaskRange) []uint32 {
	return s.ends[i*s.edge.Destination.Count+int(tasks.First-s.edge.Destination.First):][:tasks.Count]
}

// assign makes places of the destinations of rows [from, to); next holds where the next row to a destination goes.
func (s *scatter) assign(next []uint32, from, to int32) {
	place := s.place[from:to]
	for i, d := range place {
		place[i] = next[d]
		next[d]++
	}
}

// line puts rows [from, to) into perm.
func (s *scatter) line(next []uint32, from, to int32) {
	perm := s.perm
	for i, d := range s.place[from:to] {
		perm[next[d]] = from + int32(i)
		next[d]++
	}
}

// cells returns the non-empty groups of the rows for a node, in order, until the next call.
func (s *scatter) cells(n int) []cell {
	s.groups = s.groups[:0]
	at := uint32(s.parts[n].from)
	tasks := s.nodes[n]
	for i, src := range s.srcs {
		for d, end := range s.group(i, tasks) {
			if end > at {
				s.groups = append(s.groups, cell{frame.NodeID(n), src, tasks.First + frame.TaskID(d), int32(at), int32(end)})
			}
			at = end
		}
	}
	return s.groups
}

// order returns the staged rows in sorted order.
func (s *scatter) order() []int32 {
	if !s.sorted {
		s.perm, s.sorted = grow(s.perm, len(s.place)), true
		for row, at := range s.place {
			s.perm[at] = int32(row)
		}
	}
	return s.perm
}

// route puts the destination of every row into place.
func (s *scatter) route(b *batch.Batch) {
	s.place = grow(s.place, b.N)
	if s.table == nil {
		clear(s.place)
		return
	}
	if c := &b.Cols[s.edge.Keys[0]]; len(s.edge.Keys) == 1 && c.Kind() != batch.Float64 && c.Kind().Fixed() && !c.Nulls() {
		s.table.RouteInts(c.Int64s()[:b.N], s.place)
		return
	}
	s.hashes = partition.HashRows(b, s.edge.Keys, nil, grow(s.hashes, b.N))
	s.table.Route(s.hashes, s.place)
}

// sources lists the tasks of the runs, ascending; an unordered edge has one, the first.
func (s *scatter) sources(runs []run) []frame.TaskID {
	out := s.srcs[:0]
	defer func() { s.srcs = out }()
	if s.edge.Unordered {
		out = append(out, runs[0].task)
		return out
	}
	for _, r := range runs {
		i := 0
		for i < len(out) && out[i] < r.task {
			i++
		}
		if i < len(out) && out[i] == r.task {
			continue
		}
		out = append(out, 0)
		copy(out[i+1:], out[i:])
		out[i] = r.task
	}
	return out
}

func sourceIndex(sources []frame.TaskID, t frame.TaskID) int {
	if len(sources) == 1 {
		return 0
	}
	lo, hi := 0, len(sources)
	for lo < hi {
		mid := (lo + hi) / 2
		if sources[mid] < t {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

func runEnd(runs []run, i, n int) int32 {
	if i+1 < len(runs) {
		return runs[i+1].from
	}
	return int32(n)
}

// grow returns a slice of length n, reusing s where it is large enough; the content is undefined.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}
