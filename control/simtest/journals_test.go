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
		f.Plan = drawAtPeers(rng, l.Nodes)
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
	n := seeds(t, 40)
	sum, lost := seedsAtPeers(t, n, func(uint64) class { return atPeers })
	t.Logf("%d seeds, %d of them lost all copies of a journal; the others: %d losses of workers, %d zombies, %d steps", n, lost, sum.Crashes, sum.Zombies, sum.Steps)
}
