package runtime

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/journal"
	"github.com/streamscope/streamscope/vertex"
)

// tape is a split that cannot be read again: its bytes go into the journal, before the record of the first tick that has rows of them. So what former
// lives have read comes from there, and only what follows from the split itself.
//
// Invariant: what the reader's position does not have, of all that was taken in ticks up to the one of an image, is nothing; what was taken in later
// ones is in records of those. So a journal may forget input with its tick.
type tape struct {
	vertex.TapeReader
	given []journal.Record // of former lives, still to be given
	open  []taken          // not durable
}

// taken is a block that was appended.
type taken struct {
	number uint64 // of its last record
	to     uint64 // place behind it
}

// inputPiece is how much input goes into one record, if a frame can take it: peers get a record as one entry.
const inputPiece = 64 << 10

func pieceBytes(frameBytes int) int { return max(1, min(inputPiece, frameBytes/2)) }

// opened takes the reader of a split.
func (sp *splitState) opened(r vertex.SplitReader) {
	sp.reader = r
	if t, ok := r.(vertex.TapeReader); ok {
		sp.tape = &tape{TapeReader: t}
	}
}

// inherit takes what former lives have written down of the splits that cannot be read again.
func (s *sourceTask) inherit(records []journal.Record) error {
	bySplit := map[uint32][]journal.Record{}
	for _, r := range records {
		bySplit[r.Input.Split] = append(bySplit[r.Input.Split], r)
	}
	for id, records := range bySplit {
		sp := s.split(id)
		if sp == nil || sp.tape == nil {
			return fmt.Errorf("the journal has input of split %d, which is not one of the task's that cannot be read again", id)
		}
		sp.tape.given = whole(records)
	}
	return s.resume()
}

// whole leaves out blocks that a life has not written down to their end: the next one has taken them again.
func whole(records []journal.Record) []journal.Record {
	var all []journal.Record
	begun := 0 // in all: where the block begins that is not whole yet
	for _, r := range records {
		if n := len(all); n > begun && r.Input.At != all[n-1].Input.At+uint64(all[n-1].Input.Len()) {
			all = all[:begun]
		}
		if all = append(all, r); !r.Input.More {
			begun = len(all)
		}
	}
	return all[:begun]
}

// give hands the readers what was taken in ticks up to one.
func (s *sourceTask) give(through frame.Tick) error {
	for _, sp := range s.splits {
		if sp.tape == nil {
			continue
		}
		for t := sp.tape; len(t.given) > 0 && t.given[0].First <= through; t.given = t.given[1:] {
			in := t.given[0].Input
			b, err := in.Load()
			if err == nil {
				err = t.Give(in.At, b, in.End)
			}
			if err != nil {
				return fmt.Errorf("%s: what was read in tick %d: %w", sp.Name, t.given[0].First, err)
			}
		}
	}
	return nil
}

// resume lets the readers go on where the splits stand, once nothing is to be cut again. What was taken and never cut comes first.
func (s *sourceTask) resume() error {
	if s.replaying() || s.cut == frame.MaxTick {
		return nil
	}
	if err := s.give(frame.MaxTick); err != nil {
		return err
	}
	for _, sp := range s.splits {
		if sp.tape != nil && !sp.ended {
			sp.tape.Resume()
		}
	}
	return nil
}

// keep writes down what a read has taken.
func (s *sourceTask) keep(sp *splitState) error {
	if sp.tape == nil || s.journal == nil {
		return nil
	}
	at, b, end := sp.tape.Taken()
	if len(b) == 0 && !end {
		return nil
	}
	for more := true; more; {
		n := min(len(b), s.piece)
		in := journal.NewInput(sp.ID, at, b[:n])
		at, b = at+uint64(n), b[n:]
		more = len(b) > 0
		in.More, in.End = more, end && !more
		number, err := s.journal.Append(journal.Record{Task: s.f.task, First: s.tick, Last: s.tick, Input: in})
		if err != nil {
			return err
		}
		if !more {
			sp.tape.open = append(sp.tape.open, taken{number, at})
		}
	}
	return nil
}

// keeping reports that something was taken which is not durable yet.
func (s *sourceTask) keeping() bool {
	for _, sp := range s.splits {
		if sp.tape != nil && len(sp.tape.open) > 0 {
			return true
		}
	}
	return false
}

// tellKept tells the readers what is durable.
func (s *sourceTask) tellKept() {
	for _, sp := range s.splits {
		t := sp.tape
		if t == nil || len(t.open) == 0 {
			continue
		}
		n, durable := 0, s.journal.Durable()
		for n < len(t.open) && t.open[n].number <= durable {
			n++
		}
		if n > 0 {
			t.Kept(t.open[n-1].to)
			t.open = t.open[:copy(t.open, t.open[n:])]
		}
	}
}
