package simtest

import (
	"math/rand/v2"
	"testing"
)

// must does a run that has to end well.
func (rr *randomRun) must(t *testing.T) Result {
	t.Helper()
	r, faults, err := rr.do()
	if err != nil {
		rr.failed(t, r, faults, err)
	}
	return r
}

// failed ends the test with what went wrong, the smallest run of its kind, and the command that plays it again.
func (rr *randomRun) failed(t *testing.T, r Result, faults []Fault, err error) {
	t.Helper()
	t.Fatalf("%v\nthe smallest of its kind:\n%s%s", err, rr.shrink(err, faults, r.Steps), repeat(t, rr.seed))
}

// seedsAtPeers does runs that have to end well or to say in words, and truly, that all who kept something are lost. It returns the sum of those that end
// well, and how many were lost.
func seedsAtPeers(t *testing.T, n uint64, of func(seed uint64) class) (sum Result, lost uint64) {
	t.Helper()
	first := firstSeed(t)
	for seed := first; seed < first+n; seed++ {
		rr := &randomRun{seed: seed, class: of(seed)}
		r, faults, err := rr.do()
		if journalLost(err) {
			lost++
			continue
		}
		if err != nil {
			rr.failed(t, r, faults, err)
		}
		sum.Crashes += r.Crashes
		sum.Zombies += r.Zombies
		sum.Found += r.Found
		sum.Steps += r.Steps
	}
	if uint64(sum.Crashes) < n-lost || lost > n/2 || n >= 40 && sum.Zombies == 0 {
		t.Error("too little happened to mean anything")
	}
	return sum, lost
}

// drawAtPeers draws faults of about half of the kinds, and deaths, but not of all at once: then what peers keep is lost.
func drawAtPeers(rng *rand.Rand, nodes int) []Fault {
	var some []Kind
	for k := range kinds {
		if k != CrashAll && rng.IntN(2) == 0 {
			some = append(some, k)
		}
	}
	return DrawFaults(rng, append(some, Crash), 1+rng.IntN(12), 200<<rng.IntN(6), nodes)
}
