package vertex

import (
	"github.com/streamscope/streamscope/shuffle/batch"
)

// Split is a part of a source with an order of its own: one file, one partition, standard input.
type Split struct {
	Name string // for messages: the path as the user gave it
	ID   uint32 // 0, 1, … in the order of the names; part of every total order over rows
}

// Source describes where rows come from. It is part of the job's definition: every worker builds the same one.
type Source interface {
	// Schema is the schema of all splits.
	Schema() *batch.Schema
	// Splits lists the parts; the order is the same on every worker. Errors name the place (`flights.csv: no such file`).
	Splits() ([]Split, error)
	// Open starts reading a split: from its beginning if at is nil, else where Position of an earlier reader of the same split says. at is
	// read before Open returns and is not trusted: an error of Open or of the first Read names the split and what is wrong. The rows, their order, the
	// counters, messages, and what is diverted are then those of one reader that was never interrupted. wake is called, from any
	// goroutine, when a Read that returned nothing may succeed now.
	Open(s Split, at SnapshotReader, wake func()) (SplitReader, error)
}

// Rereader is a Source whose splits may be open twice at a time, as Reread reports: a second reader leaves no trace, and has the same rows.
type Rereader interface{ Reread() bool }

// SplitReader reads one split in its row order. It may decode ahead in goroutines of its own; what it lends is bounded.
type SplitReader interface {
	// Read returns the next rows, at most maxRows, borrowed until the next Read or Close. It never blocks: a nil batch and nil error
	// say that nothing is ready yet. io.EOF ends the split. Other errors name place, value and want, and are final.
	Read(maxRows int) (*batch.Batch, error)
	// Position writes where the next Read goes on: directly behind the rows that Read returned last. It may be called between any two
	// calls, also behind the end; it takes constant time, and what it writes is small.
	Position(w SnapshotWriter)
	// Counters tells what was left out so far. It depends on the position alone, may lag behind it by a block, and is exact behind the end and
	// behind an error.
	Counters() SourceCounters
	// Close frees everything; goroutines have ended when it returns.
	Close() error
}

// SourceCounters counts the rows that a source read but did not pass on.
type SourceCounters struct {
	Skipped  uint64 // bad rows skipped
	Diverted uint64 // bad rows written to the divert file
}

// Sink takes the rows of a job out into the world, in order. One goroutine calls it; it writes in a goroutine of its own, and at most a
// bounded amount is on its way.
//
// A sink is opened for a new output, or with a position that Checkpoint of an earlier one reported: the output is then cut back to
// exactly the rows written before that Checkpoint; or, where rows behind it are visible to others, those that are written again are compared with
// them, and a difference is an error. Whoever wrote the output before has ended.
type Sink interface {
	// Write takes all rows of b (copied or encoded before it returns), or none when it is busy: accepted is then false, and the
	// wake function it was opened with is called when it may be tried again.
	Write(b *batch.Batch) (accepted bool, err error)
	// Checkpoint asks that all rows written before it become durable under the temporary name, and returns at once. done is called
	// exactly once, from any goroutine, possibly within the call: with the position of the output, which the callee owns, or with the error for
	// which the rows are not durable. Rows written afterwards are not part of it. Several may be under way, as many as the caller bounds; they are
	// answered in order, at the latest within Abort or Leave, and before Finish is done. It is not called after Finish.
	Checkpoint(done func(position []byte, err error))
	// Finish ends the output: everything is written and durable under its temporary name when done. It may be called repeatedly
	// until done; wake is called in between.
	Finish() (done bool, err error)
	// Abort drops the output and removes what was written. It may be called at any time, also after an error.
	Abort()
	// Leave ends the sink, as Abort does, but keeps what was written for who opens it again at a position.
	Leave()
}
