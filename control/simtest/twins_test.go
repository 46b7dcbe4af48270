package simtest

import "testing"

// TestSeedsTwinCanary breaks the rule by which the slower of two instances has what it needs. It is rare: from 0 on it is caught by seed 582.
func TestSeedsTwinCanary(t *testing.T) {
	const begin, within = 570, 10_000
	for seed := uint64(begin); seed < within; seed++ {
		rr := &randomRun{seed: seed, class: small, broken: M01b, steps: 100_000}
		if r, _, err := rr.do(); err != nil {
			t.Logf("%s: caught by seed %d after %d steps: %v", M01b, seed, r.Steps, err)
			return
		}
	}
	t.Errorf("%s: %d seeds found nothing", M01b, within-begin)
}
