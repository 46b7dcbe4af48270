package page

import (
	"fmt"
	"strings"

	"github.com/streamscope/streamscope/bench"
	"github.com/streamscope/streamscope/bench/measure"
)

// cards say the most important first.
func cards(r *bench.Report) []card {
	out := []card{requiredCard(r), quietCard(r)}
	if r.Comparison != nil {
		out = append(out, comparedCard(r.Comparison))
	}
	return out
}

func requiredCard(r *bench.Report) card {
	count := map[measure.Verdict]int{}
	all, missed := 0, []string{}
	for _, run := range r.Runs {
		for _, h := range run.Requirements {
			all++
			count[h.Verdict]++
			if h.Verdict == measure.Missed && (len(missed) == 0 || missed[len(missed)-1] != run.Name) {
				missed = append(missed, run.Name)
			}
		}
	}
	c := card{Mood: "good", Head: fmt.Sprintf("%d of %d", count[measure.Met]+count[measure.Stretched], all)}
	c.Text = fmt.Sprintf("requirements met, %d of them by the stretch", count[measure.Stretched])
	if n := count[measure.Unmeasured]; n > 0 {
		c.Mood, c.Text = "warn", c.Text+fmt.Sprintf("; %d not measured", n)
	}
	if len(missed) > 0 {
		c.Mood, c.Text = "bad", c.Text+"; missed by "+strings.Join(missed, ", ")
	}
	return c
}

func quietCard(r *bench.Report) card {
	noisy := 0
	for _, run := range r.Runs {
		if run.Noisy {
			noisy++
		}
	}
	if noisy == 0 {
		return card{"good", "quiet", fmt.Sprintf("others used at most %.0f %% of the processors", 100*r.Machine.OtherCPU)}
	}
	return card{"warn", "noisy", fmt.Sprintf("%d of %d workloads spread by more than 15 %%, or others used more than 5 %% of the processors meanwhile (%.0f %% at worst)",
		noisy, len(r.Runs), 100*r.Machine.OtherCPU)}
}

func comparedCard(c *bench.Comparison) card {
	count := map[bench.Movement]int{}
	for _, ch := range c.Changes {
		count[ch.Movement]++
	}
	out := card{Head: fmt.Sprintf("%d slower, %d faster", count[bench.Slower], count[bench.Faster])}
	out.Text = fmt.Sprintf("than %s; %d the same within noise, %d not comparable", c.Base, count[bench.Same], count[bench.Incomparable])
	if count[bench.Slower] > 0 {
		out.Mood = "bad"
	} else if count[bench.Faster] > 0 {
		out.Mood = "good"
	}
	return out
}
