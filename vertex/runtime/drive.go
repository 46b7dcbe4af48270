package runtime

import (
	"errors"
	"fmt"
	"time"

	"github.com/streamscope/streamscope/shuffle"
)

var processStart = time.Now()

func nanotime() int64 { return int64(time.Since(processStart)) }

// Start runs the cores.
func (n *Node) Start() {
	for c := range n.cfg.Cores {
		n.running.Add(1)
		go n.drive(c)
	}
	n.running.Add(1)
	go n.watch()
	if n.worker.shadows != nil {
		n.running.Add(1)
		go n.driveShadows()
	}
	if n.persisting != nil {
		n.running.Add(1)
		go n.persisting.run()
	}
}

// drive steps a core until it is stopped.
func (n *Node) drive(core int) {
	defer n.running.Done()
	ownThread()
	c := n.worker.Core(core)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-n.stop:
			return
		default:
		}
		worked, err := n.step(c)
		if err != nil {
			n.fail(err)
			return
		}
		if worked {
			n.steps.Add(1)
			continue
		}
		if n.worker.Done() {
			n.doneOnce.Do(func() { close(n.done) })
		}
		n.sleep(core, c.Deadline(), timer)
	}
}

// step turns a panic of user code, and a fault on the memory of a log, into the failure of the worker: the process goes on and says what happened.
func (n *Node) step(c *Core) (worked bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("core %d: panic: %v", c.id, r)
		}
	}()
	fault := n.arena.Guard(func() { worked, err = c.Step(time.Now().UnixNano()) })
	return worked, errors.Join(fault, err)
}

func (n *Node) wake(core int) {
	select {
	case n.wakes[core] <- struct{}{}:
	default:
	}
}

func (n *Node) sleep(core int, deadline int64, timer *time.Timer) {
	wait := time.Hour
	if deadline != 0 {
		wait = max(time.Until(time.Unix(0, deadline)), 0)
	}
	timer.Reset(wait)
	select {
	case <-n.wakes[core]:
	case <-timer.C:
	case <-n.stop:
	}
}

// leaseBytesMax is what a core may keep leased of a tick: more than its caches hold is of no use, and leased segments cannot be spilled.
const leaseBytesMax = 8 << 20

// How often the watch looks whether a tick does not fit, and after how long it takes a standstill for one of which it cannot be told.
const (
	watchEvery = 100 * time.Millisecond
	standstill = 5 * time.Second
)

// watch ends a worker whose logs are full and who therefore can do nothing more: without a spill directory, a tick that is larger than
// the arena never gets out of it.
func (n *Node) watch() {
	defer n.running.Done()
	if n.cfg.SpillDir != "" {
		return
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	last, since := n.steps.Load(), time.Now()
	for {
		select {
		case <-n.stop:
			return
		case <-tick.C:
		}
		if o, ok := n.worker.Exchange().Overflow(); ok {
			n.fail(n.overflow(o))
			return
		}
		if now := n.steps.Load(); now != last || !n.worker.Exchange().Blocked() {
			last, since = now, time.Now()
		} else if time.Since(since) >= standstill {
			n.fail(fmt.Errorf("the arena of %d bytes is full and nothing has left it for %v: the ticks in flight do not fit; %s", n.cfg.ArenaBytes, standstill, moreRoom))
			return
		}
	}
}

const moreRoom = "raise --arena, cut smaller ticks with --tick, or give a --spill-dir"

// overflow says which tick does not fit, and where.
func (n *Node) overflow(o shuffle.Overflow) error {
	e := &n.cfg.Plan.Edges[o.Edge]
	return fmt.Errorf("tick %d does not fit: what stage %s sends to stage %s has no room in the arena of %d bytes, and nothing in it can leave before; %s",
		o.Tick, n.cfg.Plan.Stages[e.From].Name, n.cfg.Plan.Stages[e.To].Name, n.cfg.ArenaBytes, moreRoom)
}
