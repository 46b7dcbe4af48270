package journal

import (
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Record is what a source task wrote down about ticks before it closed them: with it, the rows of the ticks can be read again exactly as
// they were cut. What cannot be read again is in records of its own, before that of the first tick that has rows of it.
type Record struct {
	Task frame.TaskID
	// Number of the record, of those that were read from a journal.
	Number uint64
	// First to Last are the ticks. Rows are in First alone; the others, if any, are empty.
	First, Last frame.Tick
	// CTI of the source at Last.
	CTI frame.CTI
	// Runs are the rows of First, in order.
	Runs []Run
	// Input, if set, is all that the record says: First is Last, the tick that was open when the task took it.
	Input *Input
}

// Run is a number of rows that were read in a row from one split.
type Run struct {
	Split uint32 // vertex.Split.ID
	Rows  uint32 // as read, late ones included
}

// Clone is a copy that shares nothing.
func (r Record) Clone() Record {
	r.Runs = slices.Clone(r.Runs)
	if r.Input != nil {
		in := *r.Input
		in.bytes = slices.Clone(in.bytes)
		r.Input = &in
	}
	return r
}

// Add counts rows read from a split behind those before.
func (r *Record) Add(split uint32, rows int) {
	if n := len(r.Runs); n > 0 && r.Runs[n-1].Split == split && uint64(r.Runs[n-1].Rows)+uint64(rows) <= 1<<31 {
		r.Runs[n-1].Rows += uint32(rows)
		return
	}
	r.Runs = append(r.Runs, Run{split, uint32(rows)})
}

// Last is the last tick that records say something of, by task.
func Last(records []Record) map[frame.TaskID]frame.Tick {
	last := map[frame.TaskID]frame.Tick{}
	for i := range records {
		if r := &records[i]; r.Input == nil {
			last[r.Task] = max(last[r.Task], r.Last)
		}
	}
	return last
}
