package simtest

import "testing"

// TestSeedsTwinCanary breaks the rule by which the slower of two instances has what it needs. It is rare: from 0 on it is caught after ten
// seconds.
func TestSeedsTwinCanary(t *testing.T) {
	const begin, within = 90, 10_000
	for seed := uint64(begin); seed < within; seed++ {
		rr := &randomRun{seed: seed, class: small, broken: M01b, steps: 100_000}
		if r, err := rr.caught(); err != nil {
			t.Logf("%s: caught by seed %d after %d steps: %v", M01b, seed, r.Steps, err)
			return
		}
	}
	t.Errorf("%s: %d seeds found nothing", M01b, within-begin)
}

// TestSlowInstanceEnds: node 1 has second instances alone, of two stages one behind the other, and gets on far more slowly than ticks pass. It goes on from
// the other's images again and again, and holds neither marks nor what feeds it, so that bases come to what was marked, and all ends.
func TestSlowInstanceEnds(t *testing.T) {
	rr := &randomRun{seed: 2058966, class: small, steps: small.endless}
	r, _, err := rr.do()
	if err != nil {
		t.Fatal(err)
	}
	if !r.Settled {
		t.Error("bases did not come to what was marked")
	}
	t.Logf("%d steps, %d lives of the slow node", r.Steps, r.Lives[1])
}

// TestReplacedInstanceGetsNothingMore: an instance that was left behind dies, its next life goes on from the other's image, and who feeds both hears what may be
// trimmed before its link with the dead life ends. It has no frames any more for that life, and goes on.
func TestReplacedInstanceGetsNothingMore(t *testing.T) {
	rr := &randomRun{seed: 5101551, class: small, steps: small.endless}
	if _, _, err := rr.do(); err != nil {
		t.Fatal(err)
	}
}
