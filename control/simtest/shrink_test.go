package simtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// shrinkTries bounds the runs that a shrinking takes; of runs without end, which take far more steps than others, there are fewer.
const (
	shrinkTries  = 300
	endlessTries = 20
)

// shrink makes a run that fails smaller for as long as it fails: fewer faults, shorter ones, fewer rows. It returns the story of the smallest.
func (rr randomRun) shrink(err error, faults []Fault, steps int) string {
	tries, most := 0, shrinkTries
	if errors.Is(err, ErrNoEnd) {
		most = endlessTries
	}
	rr.steps = steps + 20_000 // what would come to an end later is no better
	attempt := func(with randomRun) bool {
		if tries++; tries > most {
			return false
		}
		_, _, again := with.do()
		if again == nil || journalLost(again) || errors.Is(again, ErrNoEnd) != errors.Is(err, ErrNoEnd) {
			return false
		}
		rr, err = with, again
		return true
	}
	rr.faults = append([]Fault{}, faults...)
	for smaller := true; smaller; {
		smaller = false
		for i := len(rr.faults) - 1; i >= 0; i-- {
			with := rr
			with.faults = append(slices.Clone(rr.faults[:i]), rr.faults[i+1:]...)
			smaller = attempt(with) || smaller
		}
		for i := range rr.faults {
			with := rr
			with.faults = slices.Clone(rr.faults)
			if with.faults[i].Length /= 2; with.faults[i].Length > 0 {
				smaller = attempt(with) || smaller
			}
		}
		if with := rr; rr.class.rows > 1 {
			with.class.rows /= 2
			smaller = attempt(with) || smaller
		}
	}
	var story strings.Builder
	fmt.Fprintf(&story, "%v\nwith at most %d rows a split, and %d faults:\n", err, rr.class.rows, len(rr.faults))
	for _, f := range rr.faults {
		fmt.Fprintf(&story, "  %v\n", f)
	}
	return story.String()
}
