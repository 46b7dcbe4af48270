package bases

import (
	"os"
	"strconv"
	"testing"
)

// seeds is how many schedules are played: STREAMSCOPE_SEEDS, or a few.
func seeds(t *testing.T, few int) uint64 {
	if text := os.Getenv("STREAMSCOPE_SEEDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return uint64(n)
	}
	return uint64(few)
}

func TestSeeds(t *testing.T) {
	var sum Result
	n := seeds(t, 300)
	for seed := range n {
		r, err := Run(Config{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		sum.Steps += r.Steps
		sum.Crashes += r.Crashes
		sum.ManagerLosses += r.ManagerLosses
		sum.Fallbacks += r.Fallbacks
		sum.Zombies += r.Zombies
		sum.Recoveries += r.Recoveries
		sum.LeastBase += r.LeastBase
	}
	t.Logf("%d seeds: %+v", n, sum)
}
