package runtime

import (
	"errors"
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// How shadow runs read what other nodes keep.

// lead makes a run the one that a lane is for. Those that come on it begin with the connections to come.
func (r *shadowRun) lead(lane uint8) {
	r.lane = lane
	r.of.w.exchange.Lead(lane, r.shadow)
	r.of.w.cfg.Shadows.CutLane(lane)
}

// leave ends what a run reads.
func (r *shadowRun) leave() {
	if r.left {
		return
	}
	r.left = true
	close(r.over)
	if r.lane > 0 {
		r.of.w.exchange.Lead(r.lane, nil)
		r.of.w.cfg.Shadows.CutLane(r.lane)
	}
}

// away reports that nothing comes to a run any more, after leave: its lane is free.
func (r *shadowRun) away() bool {
	if r.left && r.lane > 0 && !r.of.w.exchange.Led(r.lane) {
		r.lane = 0
	}
	return r.left && r.lane == 0
}

// behind reports that a run waits for what need has passed: it began before this node was told so, and newer images are there.
func (r *shadowRun) behind() bool {
	if r.left || r.lane == 0 {
		return false
	}
	needs, w := r.of.needs(), r.of.w
	return r.shadow.Behind(func(e frame.EdgeID) frame.Tick { return needs[w.cfg.Plan.Edges[e].To] })
}

// errNoRoom ends a connection of a lane in place of the wait for memory: it is made again.
var errNoRoom = errors.New("no room for what a shadow run reads")

func (r *shadowRun) room(ready <-chan struct{}) error {
	if err := r.of.w.cfg.Shadows.Room(ready, r.over); err != nil {
		return fmt.Errorf("%w: %w", errNoRoom, err)
	}
	return nil
}

func (r *shadowRun) fail(err error) {
	if !errors.Is(err, errNoRoom) {
		r.failed.CompareAndSwap(nil, &err)
	}
}
