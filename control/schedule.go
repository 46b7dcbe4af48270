package control

import (
	"errors"
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// TickRule is how the user wants ticks to be cut: by time or by bytes, exactly one.
type TickRule struct {
	LengthNs  int64
	LimitByte int64
}

// The bounds of ticks.
const (
	MinTickNs    = 100_000        // 0.1 ms
	MaxTickNs    = 60_000_000_000 // one minute
	MinTickBytes = 1
	MaxTickBytes = 1 << 40
)

// Validate reports a rule that is none, both, or out of bounds.
func (r TickRule) Validate() error {
	switch {
	case r.LengthNs == 0 && r.LimitByte == 0:
		return errors.New("ticks: neither a length nor a byte limit")
	case r.LengthNs != 0 && r.LimitByte != 0:
		return errors.New("ticks: a length and a byte limit, want one of them")
	case r.LengthNs != 0 && (r.LengthNs < MinTickNs || r.LengthNs > MaxTickNs):
		return fmt.Errorf("ticks: got %d ns, want %d to %d", r.LengthNs, int64(MinTickNs), int64(MaxTickNs))
	case r.LimitByte != 0 && (r.LimitByte < MinTickBytes || r.LimitByte > MaxTickBytes):
		return fmt.Errorf("ticks: got %d bytes, want %d to %d", r.LimitByte, MinTickBytes, int64(MaxTickBytes))
	}
	return nil
}

// Schedule says how ticks are cut over the life of a job: entries, each good from its first tick to the next entry.
//
// Invariant: the first entry begins at tick 1; First grows strictly.
type Schedule struct{ Entries []ScheduleEntry }

// ScheduleEntry cuts ticks from First on: tick = First + (now - start) / length, or at a byte limit of each source.
type ScheduleEntry struct {
	First     frame.Tick
	StartNs   TimeNs // when First begins
	LengthNs  int64  // 0: by bytes
	LimitByte int64  // 0: by time
}

// Schedule is the rule from tick 1 on, beginning at start.
func (r TickRule) Schedule(start TimeNs) Schedule {
	return Schedule{[]ScheduleEntry{{First: 1, StartNs: start, LengthNs: r.LengthNs, LimitByte: r.LimitByte}}}
}

// Valid reports a schedule that is none.
func (s Schedule) Valid() error {
	if len(s.Entries) == 0 || s.Entries[0].First != 1 {
		return errors.New("schedule: want a first entry from tick 1 on")
	}
	for i, e := range s.Entries {
		if err := (TickRule{e.LengthNs, e.LimitByte}).Validate(); err != nil {
			return fmt.Errorf("schedule: entry %d: %w", i, err)
		}
		if i > 0 && e.First <= s.Entries[i-1].First {
			return fmt.Errorf("schedule: entry %d begins at tick %d, after one at %d", i, e.First, s.Entries[i-1].First)
		}
	}
	return nil
}
