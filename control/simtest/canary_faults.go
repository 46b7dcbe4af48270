package simtest

import "math/rand/v2"

// provoked are the faults that canaries are caught by which those of most seeds do not meet: kinds, how many, and one in how many steps. With interval, marks
// are so far apart, in nanoseconds.
var provoked = map[Canary]struct {
	kinds    []Kind
	n, every int
	interval int64
}{
	M07:      {[]Kind{CrashAll}, 8, 600, 2000},
	M08:      {[]Kind{Crash, CrashAll}, 8, 600, 2000},
	M10:      {[]Kind{Crash}, 8, 1000, 1000},
	M01b:     {[]Kind{Crash, FailImages}, 10, 300, 1000},
	M20:      {[]Kind{Crash, CrashAll, Stall}, 8, 400, 4000},
	R35:      {[]Kind{Zombie, HangUp, Manager, Rival}, 12, 100, 0},
	R37:      {[]Kind{Crash, Rival}, 8, 300, 0},
	Unfenced: {[]Kind{Crash, Zombie, Rival, HangUp}, 12, 200, 0},
}

// provoke draws them; false: the seed's own do.
func (c Canary) provoke(rng *rand.Rand, nodes int, f *Faults) bool {
	p, some := provoked[c]
	if !some {
		return false
	}
	f.Plan = DrawFaults(rng, p.kinds, p.n, p.every, nodes)
	if p.interval > 0 {
		f.SnapshotIntervalNs = p.interval
	}
	return true
}
