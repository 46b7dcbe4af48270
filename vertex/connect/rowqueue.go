package connect

import (
	"github.com/streamscope/streamscope/shuffle/batch"
)

// rowDepth bounds the chunks waiting, besides the one collected and the one worked on: about a row group of Parquet, which takes long to write.
const rowDepth = 32

// RowQueue collects the rows that a sink is given, copied, and hands them in chunks to a goroutine of its own. It has the methods of a vertex.Sink
// but for those that let go of the output.
type RowQueue struct {
	cols   *Columns
	schema *batch.Schema
	queue  *Queue[portion]
	free   chan *batch.Builder
	chunk  *batch.Builder // nil, or being filled
}

// RowWork is what becomes of the rows. The functions run in the queue's goroutine; after an error none is called any more.
type RowWork struct {
	// Add works on rows, which it does not keep.
	Add func(rows *batch.Batch) error
	// Checkpoint makes all rows added durable and returns the position behind them.
	Checkpoint func() (position []byte, err error)
	// Finish ends the output.
	Finish func() error
}

// portion is rows to be worked on and then, if done is set, to be made durable.
type portion struct {
	rows *batch.Builder // nil if there are none
	done *checkpoint
}

type checkpoint struct {
	position []byte
	done     func(position []byte, err error)
}

// NewRowQueue starts the goroutine. What is handed on has the columns of cols alone.
func NewRowQueue(cols *Columns, wake func(), work RowWork) *RowQueue {
	q := &RowQueue{cols: cols, schema: &batch.Schema{Fields: cols.Fields}, free: make(chan *batch.Builder, rowDepth+2)}
	q.queue = NewQueue(rowDepth, wake, Work[portion]{
		Do: func(u portion, _ <-chan struct{}) error {
			if u.rows != nil {
				if err := work.Add(u.rows.View()); err != nil {
					return err
				}
			}
			if u.done == nil {
				return nil
			}
			var err error
			u.done.position, err = work.Checkpoint()
			return err
		},
		Drop:   q.drop,
		Finish: work.Finish,
	})
	return q
}

// Write copies the rows of b, see vertex.Sink.
func (q *RowQueue) Write(b *batch.Batch) (accepted bool, err error) {
	if err := q.queue.Err(); err != nil {
		return false, err
	}
	if !q.queue.Room() {
		return false, nil
	}
	if q.chunk == nil {
		q.chunk = q.fresh()
	}
	view := batch.Batch{N: b.N, Vs: b.Vs, Cols: q.cols.View(b)}
	q.chunk.AppendBatch(&view, 0, b.N)
	if Full(q.chunk) {
		q.put(nil)
	}
	return true, nil
}

// fresh returns an empty builder, a used one if there is one.
func (q *RowQueue) fresh() *batch.Builder {
	select {
	case b := <-q.free:
		b.Reset()
		return b
	default:
		return batch.NewBuilder(q.schema)
	}
}

func (q *RowQueue) put(c *checkpoint) {
	q.queue.Put(portion{q.chunk, c})
	q.chunk = nil
}

// drop runs in the queue's goroutine.
func (q *RowQueue) drop(u portion, err error) {
	if u.rows != nil {
		select {
		case q.free <- u.rows:
		default: // there were more than usual, for checkpoints
		}
	}
	switch {
	case u.done == nil:
	case err != nil:
		u.done.done(nil, err)
	default:
		u.done.done(u.done.position, nil)
	}
}

// Checkpoint puts the rows collected so far into the queue, whether it has room or not, see vertex.Sink.
func (q *RowQueue) Checkpoint(done func(position []byte, err error)) {
	q.put(&checkpoint{done: done})
}

// Finish ends the output, see vertex.Sink.
func (q *RowQueue) Finish() (done bool, err error) {
	if q.chunk != nil {
		if !q.queue.Room() {
			return false, q.queue.Err()
		}
		q.put(nil)
	}
	return q.queue.End()
}

// Stop drops what is left and returns when the goroutine has ended. It may be called again.
func (q *RowQueue) Stop() { q.queue.Stop() }
