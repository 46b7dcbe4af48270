package plane

import (
	"github.com/streamscope/streamscope/bench/rows"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// load is what a repetition of a shuffle within the process carries, and what is done with it where it arrives.
type load interface {
	// schema of the rows, and the columns whose hash chooses a task.
	schema() (*batch.Schema, []int)
	// maker returns what appends rows first to first+n of a producer to b.
	maker(task frame.TaskID) func(b *batch.Builder, first uint64, n int)
	// reader returns what reads the rows for the tasks of a core. It is called once per core, before any of them reads.
	reader(tasks shuffle.TaskRange) (func(frame.TaskID, *batch.Batch) error, error)
	// check compares what all readers have read with the rows that each producer has made, and returns their number.
	check(made []uint64) (uint64, error)
	close()
}

// plain is the usual load: 32-byte rows, every column of which is summed.
type plain struct{ sums []*rows.Sums }

func newPlain() load { return &plain{} }

func (p *plain) schema() (*batch.Schema, []int) { return rows.Schema, []int{0} }

func (p *plain) maker(task frame.TaskID) func(*batch.Builder, uint64, int) {
	return rows.Stream(task).Append
}

func (p *plain) reader(shuffle.TaskRange) (func(frame.TaskID, *batch.Batch) error, error) {
	s := &rows.Sums{}
	p.sums = append(p.sums, s)
	return func(_ frame.TaskID, b *batch.Batch) error {
		s.Add(b)
		return nil
	}, nil
}

func (p *plain) check(made []uint64) (uint64, error) {
	got, want := sumOf(p.sums), rows.Sums{}
	for task, n := range made {
		want = want.Plus(rows.Stream(task).Want(n))
	}
	return got.Rows, got.Check(want)
}

func sumOf(sums []*rows.Sums) (all rows.Sums) {
	for _, s := range sums {
		all = all.Plus(*s)
	}
	return all
}

func (p *plain) close() {}
