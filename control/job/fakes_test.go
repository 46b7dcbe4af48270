package job_test

import (
	"errors"

	"github.com/streamscope/streamscope/control/job"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/vertex"
)

// table is a source that is asked for its schema alone.
type table struct{ schema *batch.Schema }

func (t table) Schema() *batch.Schema           { return t.schema }
func (t table) Splits() ([]vertex.Split, error) { return []vertex.Split{{Name: "memory"}}, nil }
func (t table) Open(vertex.Split, vertex.SnapshotReader, func()) (vertex.SplitReader, error) {
	return nil, errors.ErrUnsupported
}

// nowhere is a sink that takes every schema.
type nowhere struct{}

func (nowhere) Check(*batch.Schema) error { return nil }
func (nowhere) Open(*batch.Schema, []byte, func()) (vertex.Sink, error) {
	return nil, errors.ErrUnsupported
}
func (nowhere) Commit() error { return nil }
func (nowhere) Abort() error  { return nil }

// picky is a sink that takes none.
type picky struct{ nowhere }

func (picky) Check(*batch.Schema) error {
	return errors.New("result.xls: ending \".xls\" is of no format")
}

func clicks() table {
	return table{&batch.Schema{Fields: []batch.Field{
		{Name: "page", Kind: batch.String}, {Name: "user", Kind: batch.Int64}, {Name: "ms", Kind: batch.Int64, Nullable: true},
	}}}
}

func pages(key string) *job.Table {
	b := batch.NewBuilder(&batch.Schema{Fields: []batch.Field{{Name: "page", Kind: batch.String}, {Name: "title", Kind: batch.String}}})
	b.AppendTime(0, 0, 0)
	b.Cols[0].AppendString("/")
	b.Cols[1].AppendString("Home")
	t, err := job.NewTable(b, key)
	if err != nil {
		panic(err)
	}
	return t
}
