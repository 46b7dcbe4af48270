package simtest

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// atPeers are random runs whose journals are kept by one or two peers. That all die at once is left out: then they are lost.
var atPeers = func() class {
	c := large
	c.draw = func(rng *rand.Rand) (Limits, *Faults) {
		l, f := drawLarge(rng)
		f.JournalPeers = 1 + rng.IntN(2)
		l.Nodes = max(l.Nodes, f.JournalPeers+1)
		var some []Kind
		for k := range kinds {
			if k != CrashAll && rng.IntN(2) == 0 {
				some = append(some, k)
			}
		}
		f.Plan = DrawFaults(rng, append(some, Crash), 1+rng.IntN(12), 200<<rng.IntN(6), l.Nodes)
		return l, f
	}
	return c
}()

// journalLost tells whether a run has ended in words because nobody has a journal any more, which was true.
func journalLost(err error) bool {
	return err != nil && strings.Contains(err.Error(), "all peers that kept it are lost") && !strings.Contains(err.Error(), "but node")
}

// TestSeedsJournalsAtPeers runs random graphs under random faults with journals in the memory of peers (I3, I4): either the output is that of peace, or the run says
// that all who kept a journal are lost, and it is true.
func TestSeedsJournalsAtPeers(t *testing.T) {
	n, first := seeds(t, 40), firstSeed(t)
	var sum Result
	lost := uint64(0)
	for seed := first; seed < first+n; seed++ {
		rr := &randomRun{seed: seed, class: atPeers}
		r, faults, err := rr.do()
		if journalLost(err) {
			lost++
			continue
		}
		if err != nil {
			t.Fatalf("%v\nthe smallest of its kind:\n%s%s", err, rr.shrink(err, faults, r.Steps), repeat(t, seed))
		}
		sum.Crashes += r.Crashes
		sum.Zombies += r.Zombies
		sum.Steps += r.Steps
	}
	t.Logf("%d seeds, %d of them lost all copies of a journal; the others: %d losses of workers, %d zombies, %d steps", n, lost, sum.Crashes, sum.Zombies, sum.Steps)
	if uint64(sum.Crashes) < n-lost || lost > n/2 || sum.Zombies == 0 && n >= 40 {
		t.Error("too little happened to mean anything")
	}
}
