package plane

import (
	"fmt"

	"github.com/streamscope/streamscope/bench/rows"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state/extent"
	"github.com/streamscope/streamscope/vertex"
	"github.com/streamscope/streamscope/vertex/ops"
)

// countKeys is how many keys count-local has: the low bits of the keys of package rows, whose step is odd, so each comes once in so many rows.
const countKeys = 1 << 16

// counting is a load whose rows are counted by key, beside being summed: by the window operator of a job, one for each task, over one
// window that all rows lie in.
type counting struct {
	plain
	cfg     ops.WindowConfig
	memory  *extent.Arena
	pages   []*extent.Pages
	windows []*ops.Window
}

// allTime is larger than any time that a repetition can get to, in microseconds.
const allTime = 1 << 60

// countMemory bounds the state; its 65,536 groups take a few MiB.
const countMemory = 256 << 20

func newCounting() load {
	return &counting{memory: extent.NewArena(countMemory), cfg: ops.WindowConfig{
		Input: rows.Schema, SizeUs: allTime, Keys: []int{0},
		Aggregates: []ops.Aggregate{{Func: ops.Count, Column: ops.AllRows, Name: "rows"}},
	}}
}

func (c *counting) maker(task frame.TaskID) func(*batch.Builder, uint64, int) {
	s := rows.Stream(task)
	return func(b *batch.Builder, first uint64, n int) {
		s.Append(b, first, n)
		keys := b.Cols[0].I64[b.Len()-n:]
		for i := range keys {
			keys[i] &= countKeys - 1
		}
	}
}

func (c *counting) reader(tasks shuffle.TaskRange) (func(frame.TaskID, *batch.Batch) error, error) {
	sum, err := c.plain.reader(tasks)
	if err != nil {
		return nil, err
	}
	pages := c.memory.NewPages()
	c.pages = append(c.pages, pages)
	own := make([]*ops.Window, tasks.Count)
	for i := range own {
		if own[i], err = ops.NewWindow(c.cfg, pages); err != nil {
			return nil, err
		}
	}
	c.windows = append(c.windows, own...)
	return func(task frame.TaskID, b *batch.Batch) error {
		if _, err := own[task-tasks.First].Execute(0, b, nil); err != nil {
			return err
		}
		return sum(task, b)
	}, nil
}

// check compares the count of every key, and the sums.
func (c *counting) check(made []uint64) (uint64, error) {
	want, sums := wantCounts(made)
	got := make([]uint64, countKeys)
	schema, err := c.cfg.Output()
	if err != nil {
		return 0, err
	}
	out := vertex.NewOutbox(schema, 1024, 1<<20, func(groups *batch.Builder) bool {
		for i, k := range groups.Cols[0].I64 {
			got[uint64(k)%countKeys] += uint64(groups.Cols[1].I64[i])
		}
		return true
	})
	for _, w := range c.windows {
		if _, _, err := w.Close(frame.MaxCTI, out); err != nil {
			return 0, err
		}
	}
	out.Flush()
	for k := range want {
		if got[k] != want[k] {
			return 0, fmt.Errorf("key %d was counted %d times, want %d", k, got[k], want[k])
		}
	}
	return sums.Rows, sumOf(c.sums).Check(sums)
}

// wantCounts are the counts and sums of so many rows of each producer: a key has one row in every whole period.
func wantCounts(made []uint64) (counts []uint64, sums rows.Sums) {
	counts = make([]uint64, countKeys)
	rest := batch.NewBuilder(rows.Schema)
	for task, n := range made {
		for k := range counts {
			counts[k] += n / countKeys
		}
		part := int(n % countKeys)
		rows.Stream(task).Generate(rest, n-uint64(part), part)
		for _, k := range rest.Cols[0].I64 {
			counts[uint64(k)%countKeys]++
		}
		sums = sums.Plus(rows.Stream(task).Want(n))
	}
	sums.Key = 0
	for k, n := range counts {
		sums.Key += uint64(k) * n
	}
	return counts, sums
}

func (c *counting) close() {
	for _, p := range c.pages {
		p.Close()
	}
}
