package objective

import (
	"fmt"
	"time"

	"github.com/streamscope/streamscope/shuffle"
)

// short is a time for people.
func short(ns float64) string {
	d := time.Duration(ns)
	switch {
	case d >= 10*time.Second:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(100 * time.Microsecond).String()
}

// mib is an amount of bytes for people.
func mib(bytes float64) string { return fmt.Sprintf("%.3g MiB", bytes/(1<<20)) }

// taken says where a figure comes from.
func taken(measured bool) string {
	if measured {
		return "measured"
	}
	return "assumed, since nothing was measured"
}

func (c *chooser) whyInterval(o *option, e *Estimate) string {
	again := fmt.Sprintf("what came within a second takes %s to execute again (%s)", short(c.again()*1e9), taken(c.measured.Again > 0))
	switch {
	case c.objective.IntervalNs > 0:
		return "given; " + again
	case e.WorstNs() <= c.objective.Ns:
		return fmt.Sprintf("the least that is written with an estimated gap of %s at most; %s", short(float64(e.WorstNs())), again)
	}
	floor := ""
	if len(c.intervals(o)) < len(intervals) {
		floor = fmt.Sprintf(", and writing images takes %s, which may be a quarter of it at most", short(c.readNs(o)))
	}
	return fmt.Sprintf("the one with the least gap%s; %s", floor, again)
}

func (c *chooser) whyStage(o *option, i int) string {
	st := &c.stages[i]
	_, fixed := c.objective.strategy(st.Name)
	m := c.measured.stage(st.Name)
	image := fmt.Sprintf("its image of %s (%s) takes %s to read", mib(c.imageBytes(i)), taken(m.ImageBytes > 0),
		short(c.imageBytes(i)/float64(max(1, len(st.Nodes)))/or(c.measured.BytesPerS, defaultImagesPerS)*1e9))
	warm := short(or(float64(m.WarmNs), float64(o.intervalNs)))
	switch {
	case fixed:
		return "given; " + image
	case o.replayed[i]:
		return fmt.Sprintf("%s; its windows reach back for %s (%s)", image, warm, taken(m.WarmNs > 0))
	case !c.mayReplay(st.Name):
		why := st.NotReplayed
		if why == "" {
			why = "another stage of its name must not replay"
		}
		return image + "; no replay: " + why
	case c.imageBytes(i) < replayLeastBytes:
		return fmt.Sprintf("%s; replay would be considered from %s on", image, mib(replayLeastBytes))
	}
	return image + "; replay would not do better"
}

func (c *chooser) whyEdge(p shuffle.Policy, from, to string) string {
	m := c.measured.edge(from, to)
	traffic := fmt.Sprintf("%s/s (%s)", mib(or(m.BytesPerS, defaultEdgeBytesPerS)), taken(m.BytesPerS > 0))
	switch {
	case c.objective.fixed(from, to):
		return "given; it carries " + traffic
	case p.Keep == shuffle.Replicate:
		return "a consumer that is lost together with its producer need not wait for it; copies carry " + traffic
	case p.Keep == shuffle.Recompute:
		return "its logs do not fit the arena, and time is left to execute them again instead of spilling " + traffic
	case c.nodes < copiesNeed:
		return fmt.Sprintf("copies at a third worker are not possible with %d", c.nodes)
	}
	return "copies do not shorten the gap after one loss, and after two at once images do it for less than copies of " + traffic
}
