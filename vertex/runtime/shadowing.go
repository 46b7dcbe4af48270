package runtime

import (
	"fmt"
	"time"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/ringlog"
)

const (
	// shadowArenaPart is the memory for the logs of a shadow run, beside the arena, as a part of it.
	shadowArenaPart = 8
	// shadowPatience is for how long a shadow run may do nothing.
	shadowPatience = 10 * time.Second
	// shadowRoomWait is for how long a lane waits for memory.
	shadowRoomWait = time.Second
	// shadowLook is how often a shadow run looks whether its frames have been sent.
	shadowLook = 5 * time.Millisecond
)

// shadows is what shadow runs need of the node; nil without the means for them.
func (n *Node) shadows() *Shadows {
	r := n.cfg.Recovery
	if r == nil || r.Image == nil || n.cfg.ShadowPages == nil || n.cfg.Nodes < 2 {
		return nil
	}
	return &Shadows{Image: r.Image, Arena: n.shadowArena, Pages: n.cfg.ShadowPages, Room: n.shadowRoom, CutLane: n.cutLane, Wake: n.wakeShadows,
		PatienceNs: int64(shadowPatience)}
}

func (n *Node) shadowArena() (*ringlog.Arena, error) {
	least := int64(2*n.cfg.Cores*(1+n.cfg.Nodes)) * int64(n.cfg.SegmentBytes)
	a, err := ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: n.cfg.SegmentBytes, LimitBytes: max(n.cfg.ArenaBytes/shadowArenaPart, least), SpillDir: n.cfg.SpillDir,
		OnError: n.arenaError})
	if err == nil {
		a.Start()
	}
	return a, err
}

// shadowRoom gives up after a while: the connection ends, and is made again. So nobody who closes a lane, because the peer has a new life, waits for a shadow run.
func (n *Node) shadowRoom(ready, over <-chan struct{}) error {
	timer := time.NewTimer(shadowRoomWait)
	defer timer.Stop()
	select {
	case <-ready:
		return nil
	case <-over:
	case <-n.stop:
	case <-timer.C:
	}
	return errStopped
}

// errLane ends connections of lanes whose reader changes.
var errLane = fmt.Errorf("%w: the lane is for another shadow run now", netio.ErrReplaced)

func (n *Node) cutLane(lane uint8) {
	for id := range n.others() {
		if l := n.links[lane][id].in.Load(); l != nil {
			l.Cut(errLane)
		}
	}
}

func (n *Node) wakeShadows() {
	select {
	case n.remake <- struct{}{}:
	default:
	}
}

// driveShadows makes again what is asked for and was dropped, until the node stops.
func (n *Node) driveShadows() {
	defer n.running.Done()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		worked, more := n.stepShadows()
		wait := time.Hour
		switch {
		case worked:
			wait = 0
		case more:
			wait = shadowLook
		}
		timer.Reset(wait)
		select {
		case <-n.stop:
			return
		case <-n.remake:
		case <-timer.C:
		}
	}
}

// stepShadows turns a panic of user code into the failure of the node, as step does.
func (n *Node) stepShadows() (worked, more bool) {
	defer func() {
		if r := recover(); r != nil {
			n.fail(fmt.Errorf("a shadow run: panic: %v", r))
		}
	}()
	worked = n.worker.StepShadows(time.Now().UnixNano())
	return worked, n.worker.Shadowing()
}

// Shadowed are the shadow runs of this life.
func (n *Node) Shadowed() []Shadowed { return n.worker.Shadowed() }
