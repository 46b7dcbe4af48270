package simtest

import (
	"slices"
	"strings"
	"testing"
)

// begin is where the search for a rare one begins, so that tests are quick: from 0 on M10 is caught by seed 978, after a minute.
var begin = map[Canary]uint64{M07: 860, M10: 970, R35: 2030, R37: 790, Unfenced: 430}

// inSmall are those that small runs find sooner, beside those about managers.
var inSmall = []Canary{M01, M07, M09, M20, LostInput}

// TestSeedsCanaries breaks one rule at a time. The runs have to notice: a check fails, a row is wrong, or there is no end.
func TestSeedsCanaries(t *testing.T) {
	const within = 10_000
	for _, broken := range []Canary{M01, M06, M07, M08, M09, M10, M11, M12, M13, M16, M17, M20, M22, M23, M24, M25, M26, R1, R35, R37, Unfenced, EarlyImage, LostInput, LostRecord, StaleImage, OneTooFar} {
		id, _, _ := strings.Cut(string(broken), ":")
		t.Run(id, func(t *testing.T) {
			of, steps := large, 2_000_000
			if broken.aboutManagers() || slices.Contains(inSmall, broken) { // small runs are enough, and no end of theirs is soon known
				of, steps = small, 400_000
			}
			for seed := begin[broken]; seed < within; seed++ {
				rr := &randomRun{seed: seed, class: of, broken: broken, steps: steps}
				if r, _, err := rr.do(); err != nil {
					t.Logf("%s: caught by seed %d after %d steps: %v", broken, seed, r.Steps, err)
					return
				}
			}
			t.Errorf("%s: %d seeds found nothing", broken, within)
		})
	}
}

// aboutManagers tells whether the rule only matters where managers follow each other.
func (c Canary) aboutManagers() bool { return c == R35 || c == R37 || c == Unfenced }
