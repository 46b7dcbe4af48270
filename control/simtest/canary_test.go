package simtest

import (
	"errors"
	"strings"
	"testing"
)

// canaries are what is broken, in runs of which class. Seeds are tried from begin on, so that tests are quick: from 0 on some take a minute. Small runs find most
// sooner.
var canaries = []struct {
	broken Canary
	of     *class
	begin  uint64
}{
	{M01, &small, 0},
	{M01a, &small, 0},
	{M02, &small, 0},
	{M04, &small, 0},
	{M04d, &small, 0},
	{M04r, &small, 0},
	{M05, &small, 0},
	{M05s, &small, 0},
	{M06, &small, 0},
	{M07, &small, 0},
	{M08, &small, 0},
	{M09, &small, 0},
	{M10, &small, 0},
	{M11, &large, 0},
	{M12, &small, 280},
	{M13, &small, 280},
	{M16, &small, 0},
	{M17, &large, 60},
	{M18, &dropping, 0},
	{M19, &small, 0},
	{M20, &small, 0},
	{M22, &large, 155},
	{M23, &large, 0},
	{M24, &large, 0},
	{M25, &large, 0},
	{M26, &small, 80},
	{A5, &small, 195},
	{MR1, &large, 270},
	{MR2, &large, 35},
	{R1, &large, 0},
	{R12, &small, 0},
	{R16b, &atPeers, 5},
	{R17, &atPeers, 15},
	{R24a, &smallImages, 0},
	{R35, &small, 0},
	{R37, &small, 0},
	{Unfenced, &small, 0},
	{Delivered, &large, 0},
	{EarlyImage, &large, 15},
	{LostInput, &small, 0},
	{LostRecord, &large, 0},
	{StaleImage, &small, 60},
	{LaneGap, &dropping, 0},
	{ShadowAhead, &large, 170},
	{OneTooFar, &large, 0},
}

// TestSeedsCanaries breaks one rule at a time. The runs have to notice: a check fails, a row is wrong, or there is no end.
func TestSeedsCanaries(t *testing.T) {
	const within = 10_000
	for _, c := range canaries {
		id, _, _ := strings.Cut(string(c.broken), ":")
		t.Run(id, func(t *testing.T) {
			for seed := c.begin; seed < within; seed++ {
				rr := &randomRun{seed: seed, class: *c.of, broken: c.broken, steps: c.of.endless}
				if r, err := rr.caught(); err != nil {
					t.Logf("%s: caught by seed %d after %d steps: %v", c.broken, seed, r.Steps, err)
					return
				}
			}
			t.Errorf("%s: %d seeds found nothing", c.broken, within)
		})
	}
}

// covered are rules without which nothing is lost, since others keep what they keep: 10,000 seeds of each found nothing.
var covered = []Canary{R13, R21}

// TestSeedsCovered breaks them. What notices it contradicts the documents.
func TestSeedsCovered(t *testing.T) {
	for _, broken := range covered {
		for seed := range uint64(150) {
			rr := &randomRun{seed: seed, class: small, broken: broken, steps: small.endless}
			if _, err := rr.caught(); err != nil {
				t.Errorf("%s: caught: %v", broken, err)
			}
		}
	}
}

// caught runs it, and returns why a broken rule was noticed. That there is no end means nothing unless the same run, with the rule kept, has one.
func (rr *randomRun) caught() (Result, error) {
	r, _, err := rr.do()
	if journalLost(err) {
		return r, nil
	}
	if errors.Is(err, ErrNoEnd) {
		kept := randomRun{seed: rr.seed, class: rr.class, as: rr.broken, steps: rr.steps}
		if _, _, slow := kept.do(); slow != nil {
			return r, nil
		}
	}
	return r, err
}
