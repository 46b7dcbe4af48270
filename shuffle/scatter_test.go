package shuffle

import (
	"cmp"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/shuffle/partition"
)

var keySchema = &batch.Schema{Fields: []batch.Field{{Name: "key", Kind: batch.Int64}}}

// TestScatterIsAStableSort compares order, groups and parts with a sort of the rows by (node, source task, destination task).
func TestScatterIsAStableSort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := Cluster{Nodes: rapid.IntRange(1, 3).Draw(t, "nodes"), Cores: 1}
		e := Edge{Schema: keySchema, Keys: []int{0}, Source: TaskRange{First: 5, Count: 4}, Unordered: rapid.Bool().Draw(t, "unordered"),
			Destination: TaskRange{First: 9, Count: rapid.SampledFrom([]int{1, 2, 7, manyPlaces - 1, manyPlaces, 300}).Draw(t, "tasks")}}
		s, err := newScatter(&e, k)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // scratch is used again
			type row struct {
				cell
				row int32
			}
			rows, runs, want := batch.NewBuilder(keySchema), []run(nil), []row(nil)
			for range rapid.IntRange(1, 5).Draw(t, "runs") {
				src := e.Source.First + frame.TaskID(rapid.IntRange(0, e.Source.Count-1).Draw(t, "source"))
				runs = append(runs, run{src, int32(rows.Len())})
				for range rapid.IntRange(1, 100).Draw(t, "rows") {
					key := rapid.Int64().Draw(t, "key")
					dst := e.Destination.First
					if s.table != nil {
						dst += frame.TaskID(s.table.Task(partition.MixV1(uint64(key))))
					}
					r := row{cell{node: k.Node(e.Destination, dst), src: src, dst: dst}, int32(rows.Len())}
					if e.Unordered {
						r.src = runs[0].task
					}
					want = append(want, r)
					rows.AppendTime(0, 0, 0)
					rows.Cols[0].AppendInt64(key)
				}
			}
			slices.SortStableFunc(want, func(a, b row) int {
				return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.src, b.src), cmp.Compare(a.dst, b.dst))
			})
			s.sort(rows.View(), runs)
			order, at := s.order(), int32(0)
			for n := range s.parts {
				if s.parts[n].from != at {
					t.Fatalf("rows for node %d begin at %d, want %d", n, s.parts[n].from, at)
				}
				cells := s.cells(n)
				if len(cells) != s.parts[n].groups {
					t.Fatalf("node %d has %d groups, counted as %d", n, len(cells), s.parts[n].groups)
				}
				for _, c := range cells {
					if c.from != at || c.to <= at {
						t.Fatalf("group %+v, want one from row %d", c, at)
					}
					for ; at < c.to; at++ {
						w := want[at]
						if c.node != w.node || c.src != w.src || c.dst != w.dst || order[at] != w.row {
							t.Fatalf("place %d: row %d in %+v, want row %d in %+v", at, order[at], c, w.row, w.cell)
						}
						if !s.gather && s.place[w.row] != uint32(at) {
							t.Fatalf("row %d goes to %d, want %d", w.row, s.place[w.row], at)
						}
					}
				}
				if s.parts[n].to != at {
					t.Fatalf("rows for node %d end at %d, want %d", n, s.parts[n].to, at)
				}
			}
			if int(at) != rows.Len() {
				t.Fatalf("%d rows in all, want %d", at, rows.Len())
			}
		}
	})
}

// TestDenseFramesReadAlike reads the same frames in the three ways there are: tasks one by one, as the rows lie, and as a library's reader does.
func TestDenseFramesReadAlike(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		e := Edge{Schema: keySchema, Keys: []int{0}, Unordered: true, Source: TaskRange{First: 0, Count: 2},
			Destination: TaskRange{First: 2, Count: rapid.SampledFrom([]int{3, 40, manyPlaces + 20}).Draw(rt, "tasks")}}
		k := Cluster{Nodes: 1, Cores: 2}
		c := newTestCluster(t, k, []Edge{e}, 64<<10, rapid.SampledFrom([]int{2048, 16 << 10}).Draw(rt, "frame bytes"), 4096, 8<<20, 1)
		want := map[frame.TaskID]map[int64]int{}
		table, err := partition.NewRouting(partition.KeyGroups(e.Destination.Count), e.Destination.Count)
		if err != nil {
			t.Fatal(err)
		}
		b := batch.NewBuilder(keySchema)
		for core := range k.Cores {
			p := c.xs[0].Port(core)
			for range rapid.IntRange(0, 3).Draw(rt, "batches") {
				b.Reset()
				for range rapid.IntRange(1, 2000).Draw(rt, "rows") {
					key := int64(len(want)*7919 + b.Len()*31 + core)
					b.AppendTime(0, 0, 0)
					b.Cols[0].AppendInt64(key)
					add(want, e.Destination.First+frame.TaskID(table.Task(partition.MixV1(uint64(key)))), key, 1)
				}
				retry(t, c.step[0], func() (bool, error) { return p.Append(0, frame.TaskID(core), 1, b.View()) })
			}
			p.Close(0, frame.TaskID(core), 1, 1, 0, 1)
		}
		for core := range k.Cores {
			retry(t, c.step[0], c.xs[0].Port(core).FlushAll)
		}
		way := rapid.SampledFrom([]func(*testing.T, *Port, func(frame.TaskID, *batch.Batch) error){peekAll, foldAll, lendAll}).Draw(rt, "way")
		for core := range k.Cores {
			p := c.xs[0].Port(core)
			if _, err := p.Poll(); err != nil {
				t.Fatal(err)
			}
			way(t, p, func(task frame.TaskID, rows *batch.Batch) error {
				if !p.ins[0].local.Contains(task) || rows.N == 0 {
					t.Fatalf("core %d was lent %d rows of task %d", core, rows.N, task)
				}
				for _, key := range rows.Cols[0].Int64s() {
					add(want, task, key, -1)
				}
				return nil
			})
			p.Executed(0, 1)
		}
		for task, keys := range want {
			if len(keys) > 0 {
				t.Fatalf("task %d: rows missing, or too many: %v", task, keys)
			}
		}
	})
}

// add counts rows of a key; keys that come out even are forgotten.
func add(rows map[frame.TaskID]map[int64]int, task frame.TaskID, key int64, n int) {
	if rows[task] == nil {
		rows[task] = map[int64]int{}
	}
	if rows[task][key] += n; rows[task][key] == 0 {
		delete(rows[task], key)
	}
}

func peekAll(t *testing.T, p *Port, take func(frame.TaskID, *batch.Batch) error) {
	var rows batch.Batch
	for i := range p.ins[0].local.Count {
		task := p.ins[0].local.First + frame.TaskID(i)
		for {
			ok, err := p.Peek(0, 1, task, &rows)
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			if err := take(task, &rows); err != nil {
				t.Fatal(err)
			}
			p.Consume(0, rows.N)
		}
	}
}

func foldAll(t *testing.T, p *Port, take func(frame.TaskID, *batch.Batch) error) {
	if _, err := p.Fold(0, 1, take); err != nil {
		t.Fatal(err)
	}
}

func lendAll(t *testing.T, p *Port, take func(frame.TaskID, *batch.Batch) error) {
	var rows batch.Batch
	l := newLender(p.ins[0])
	for {
		task, ok, err := l.next(1, &rows)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return
		}
		if err := take(task, &rows); err != nil {
			t.Fatal(err)
		}
	}
}
