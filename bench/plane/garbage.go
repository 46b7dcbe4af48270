package plane

import (
	"context"
	"math"
	"runtime"
	"runtime/metrics"
	"slices"
	"time"
)

// What control and code of users may leave to the collector meanwhile. The engine's own share is next to nothing.
const (
	garbageLiveBytes = 8 << 20
	garbagePerSecond = 32 << 20
	garbageObject    = 64
)

// litter is an object of 64 bytes.
type litter struct {
	next *litter
	_    [garbageObject - 8]byte
}

// makeGarbage allocates objects, of which the newest live on, until ctx ends.
func makeGarbage(ctx context.Context) {
	live := make([]*litter, garbageLiveBytes/garbageObject)
	start, made := time.Now(), 0
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for {
		for due := int(time.Since(start).Seconds() * (garbagePerSecond / garbageObject)); made < due; made++ {
			live[made%len(live)] = &litter{next: live[(made+1)%len(live)].old()}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// old is an object to point at, without what it points at itself.
func (l *litter) old() *litter {
	if l != nil {
		l.next = nil
	}
	return l
}

// collectAlways makes the collector run again soon after it has ended, until ctx ends.
func collectAlways(ctx context.Context) {
	for ctx.Err() == nil {
		runtime.GC()
		time.Sleep(5 * time.Millisecond)
	}
}

// collectorTimes are what the collector did, by package runtime/metrics.
type collectorTimes struct {
	pauses *metrics.Float64Histogram // in seconds
	stops  *metrics.Float64Histogram // the part of each pause until all threads had stopped
	gc     float64                   // seconds of processor time
	all    float64                   // that of the whole process, without idling
	cycles uint64
}

// readCollector collects once, since the runtime brings its processor times up to date then.
func readCollector() collectorTimes {
	runtime.GC()
	s := []metrics.Sample{
		{Name: "/sched/pauses/total/gc:seconds"}, {Name: "/cpu/classes/gc/total:cpu-seconds"}, {Name: "/cpu/classes/total:cpu-seconds"},
		{Name: "/cpu/classes/idle:cpu-seconds"}, {Name: "/gc/cycles/total:gc-cycles"}, {Name: "/sched/pauses/stopping/gc:seconds"},
	}
	metrics.Read(s)
	return collectorTimes{
		pauses: s[0].Value.Float64Histogram(), gc: s[1].Value.Float64(), all: s[2].Value.Float64() - s[3].Value.Float64(), cycles: s[4].Value.Uint64(),
		stops: s[5].Value.Float64Histogram(),
	}
}

// since is what was done after an earlier moment.
func (t collectorTimes) since(before *collectorTimes) collectorTimes {
	t.pauses, t.stops = less(t.pauses, before.pauses), less(t.stops, before.stops)
	t.gc -= before.gc
	t.all -= before.all
	t.cycles -= before.cycles
	return t
}

// less is what a histogram has gained since an earlier moment.
func less(h, before *metrics.Float64Histogram) *metrics.Float64Histogram {
	counts := slices.Clone(h.Counts)
	for i, c := range before.Counts {
		counts[i] -= c
	}
	return &metrics.Float64Histogram{Counts: counts, Buckets: h.Buckets}
}

// countOf is the number of values in a histogram.
func countOf(h *metrics.Float64Histogram) (n uint64) {
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// percentileOf is a percentile of the values in a histogram: the upper end of its bucket. 0: there were none.
func percentileOf(h *metrics.Float64Histogram, percentile float64) float64 {
	n := countOf(h)
	if n == 0 {
		return 0
	}
	rank := uint64(math.Ceil(percentile / 100 * float64(n)))
	i := 0
	for ; h.Counts[i] < rank; i++ {
		rank -= h.Counts[i]
	}
	return h.Buckets[i+1]
}
