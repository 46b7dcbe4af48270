package runtime

import (
	"math"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// collecting sets the pace of the process's garbage collector, which waits until the heap has grown by as much as lives: by default (GOGC=100) it would let images at peers
// take twice their room. They have no pointers, and cost it nothing; so what it waits for is the growth of the rest.
type collecting struct {
	mu      sync.Mutex
	kept    map[*copying]int64 // bytes of images and journals, by node of this process
	usual   int                // percent, as it is without images
	changed bool               // it is not as usual
	cycles  uint64             // of the collector, when rest was seen
	rest    int64              // bytes that lived besides what is kept
	was     int64              // what was kept at the last look
}

var theCollector = collecting{kept: map[*copying]int64{}}

const (
	// collectEvery is how often images are looked at.
	collectEvery = 250 * time.Millisecond
	// restLeast keeps a small rest from being collected all the time, in bytes.
	restLeast = 32 << 20
	// worthwhile is the least change, in parts of a hundred of what is set.
	worthwhile = 10
)

// keeps says what a node keeps; 0 when it ends.
func (g *collecting) keeps(c *copying, bytes int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.kept, c)
	if bytes > 0 {
		g.kept[c] = bytes
	}
	all := int64(0)
	for _, b := range g.kept {
		all += b
	}
	samples := []metrics.Sample{{Name: "/gc/gogc:percent"}, {Name: "/gc/heap/live:bytes"}, {Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(samples)
	percent, live, cycles := samples[0].Value.Uint64(), int64(samples[1].Value.Uint64()), samples[2].Value.Uint64()
	if percent > math.MaxInt32 { // the user has turned it off
		return
	}
	now := int(percent)
	if !g.changed {
		g.usual = now
	}
	if cycles != g.cycles { // what was dropped since then still lived
		g.cycles, g.rest = cycles, live-max(all, g.was)
	}
	g.was = all
	p := g.usual
	if all > 0 {
		p = growth(g.usual, max(live, all), g.rest)
	}
	if p == now || p != g.usual && max(p-now, now-p)*100 <= now*worthwhile {
		return
	}
	debug.SetGCPercent(p)
	g.changed = p != g.usual
}

// growth is by how many percent of what lives the heap may grow, so that it grows by as much as usual of the rest, all in bytes.
func growth(usual int, live, rest int64) int {
	return max(1, int(int64(usual)*min(max(rest, restLeast), live)/max(live, 1)))
}

// kept is what this node keeps of images and journals, in bytes: its own, and those of others.
func (c *copying) kept() int64 {
	all, logs := c.streams.HeldBytes()
	kept := all - logs
	for _, s := range c.images.all() {
		kept += s.Bytes()
	}
	return kept
}

// collect looks at what is kept, until the node stops.
func (c *copying) collect() {
	time.AfterFunc(collectEvery, func() {
		select {
		case <-c.node.stop:
			theCollector.keeps(c, 0)
		default:
			theCollector.keeps(c, c.kept())
			c.collect()
		}
	})
}
