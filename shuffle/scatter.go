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

// scatter is the partition-sorted order of a set of staged rows: one counting-sort pass by (node, source task, destination task),
// stable, so that rows of a channel keep their order. Its memory is reused from flush to flush.
type scatter struct {
	edge   *Edge
	table  *partition.Routing
	nodes  []TaskRange // destination tasks by node
	hashes []uint64
	place  []uint32 // of each staged row: its destination task, counted from Destination.First; then its place in the sorted order
	perm   []int32  // the inverse: staged rows in sorted order; made when it is asked for
	sorted bool     // perm is that of place
	counts []uint32
	cells  []cell
	srcs   []frame.TaskID
}

// cell is a non-empty (node, source, destination) group: rows perm[from:to].
type cell struct {
	node     frame.NodeID
	src, dst frame.TaskID
	from, to int32
}

func newScatter(e *Edge, k Cluster) (*scatter, error) {
	s := &scatter{edge: e, nodes: make([]TaskRange, k.Nodes)}
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

// sort orders the rows of b, whose source tasks runs tells, and returns the non-empty cells in order.
func (s *scatter) sort(b *batch.Batch, runs []run) []cell {
	s.cells, s.sorted = s.cells[:0], false
	s.route(b)
	sources := s.sources(runs)
	nDst := s.edge.Destination.Count
	s.counts = grow(s.counts, len(sources)*nDst)
	clear(s.counts)
	for i, r := range runs {
		counts := s.counts[sourceIndex(sources, r.task)*nDst:][:nDst]
		for _, d := range s.place[r.from:runEnd(runs, i, b.N)] {
			counts[d]++
		}
	}
	at := uint32(0)
	for n, tasks := range s.nodes {
		lo := int(tasks.First - s.edge.Destination.First)
		for si, src := range sources {
			counts := s.counts[si*nDst+lo:][:tasks.Count]
			for d, c := range counts {
				counts[d] = at
				if c > 0 {
					s.cells = append(s.cells, cell{frame.NodeID(n), src, tasks.First + frame.TaskID(d), int32(at), int32(at + c)})
				}
				at += c
			}
		}
	}
	for i, r := range runs {
		counts := s.counts[sourceIndex(sources, r.task)*nDst:][:nDst]
		place := s.place[r.from:runEnd(runs, i, b.N)]
		for row, d := range place {
			place[row] = counts[d]
			counts[d]++
		}
	}
	return s.cells
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
