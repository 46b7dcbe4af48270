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
		sum.Adopted += r.Adopted
		sum.Belated += r.Belated
		sum.Recoveries += r.Recoveries
		sum.LeastBase += r.LeastBase
	}
	t.Logf("%d seeds: %+v", n, sum)
}

// TestCanaries breaks one rule at a time. What follows from that has to be found: a job that does not come to its end, or an image or a
// record that is asked for and gone.
func TestCanaries(t *testing.T) {
	const within = 10_000
	// Those that take long from seed 0 begin shortly before where they were found last, to save time.
	from := map[Canary]uint64{R35: 1400, R36: 500, R37: 1700}
	for _, c := range []Canary{M01, M01a, M04d, M07, M11, M23, M25, R26, R35, R36, R37} {
		t.Run(string(c), func(t *testing.T) {
			t.Parallel()
			for seed := from[c]; seed < within; seed++ {
				if _, err := Run(Config{Seed: seed, Broken: c}); err != nil {
					t.Logf("%v", err)
					return
				}
			}
			t.Errorf("%d seeds found nothing", within)
		})
	}
}

// TestCalm plays schedules without a fault: nobody is replaced, and bases follow the marks (I18).
func TestCalm(t *testing.T) {
	for seed := range uint64(100) {
		r, err := Run(Config{Seed: seed, Calm: true})
		if err != nil {
			t.Fatal(err)
		}
		if r.Recoveries > 0 || r.LeastBase == 0 {
			t.Errorf("seed %d: %+v", seed, r)
		}
	}
}

// TestEqualSeeds plays a schedule twice.
func TestEqualSeeds(t *testing.T) {
	for seed := range uint64(5) {
		a, errA := Run(Config{Seed: seed})
		b, errB := Run(Config{Seed: seed})
		if a != b || errA != nil || errB != nil {
			t.Errorf("seed %d: %+v, %v and %+v, %v", seed, a, errA, b, errB)
		}
	}
}
