package jobs

import (
	"context"
	"math/rand/v2"
	"sync"
	"syscall"
	"time"

	"github.com/streamscope/streamscope/bench/live"
	"github.com/streamscope/streamscope/control/events"
	"github.com/streamscope/streamscope/ringlog/frame"
)

const (
	drillLook = 10 * time.Millisecond
	// After a fault the next one waits for the output to go on, and for settleLeast to settleMost more: images are taken meanwhile.
	settleLeast = 500 * time.Millisecond
	settleMost  = 2500 * time.Millisecond
	// shortGap is one in which a worker that reports every 50 ms may have nothing to say.
	shortGap = 150 * time.Millisecond
)

// drill is one run of a job in which workers are hurt, one at a time.
type drill struct {
	found   *findings
	rng     *rand.Rand
	victims []int // by turns

	mu       sync.Mutex
	workers  live.Workers
	top      frame.Tick // executed by the last stage
	advanced time.Time  // when top did, or zero
	faults   []fault
	next     time.Time // the next fault is due; zero: one is not over
}

// fault is what was done to a worker.
type fault struct {
	live.Outage
	silent bool
	lives  []uint32 // of all workers
	ticks  uint64   // executed by all tasks of the others
	open   bool
}

func (d *drill) run(ctx context.Context, exe string, args []string) error {
	d.workers = make(live.Workers, recoveryWorkers)
	r, err := live.Start(ctx, exe, args, d.hear)
	if err != nil {
		return err
	}
	look := time.NewTicker(drillLook)
	defer look.Stop()
	for {
		select {
		case <-r.Exited():
			return r.Err()
		case <-ctx.Done():
			r.Kill()
			return context.Cause(ctx)
		case <-look.C:
			d.hurt(time.Now())
		}
	}
}

// hurt injects a fault if one is due and the victim has something to lose.
func (d *drill) hurt(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := len(d.faults)
	if d.next.IsZero() || now.Before(d.next) {
		return
	}
	f := fault{Outage: d.workers.Outage(d.victims[n%len(d.victims)], true, now), silent: n%oneSilent == oneSilent-1, open: true}
	for i := range d.workers {
		if d.workers[i].PID == 0 || d.workers[i].Behind() == 0 {
			return // somebody is on the way
		}
		f.lives = append(f.lives, d.workers[i].Life)
	}
	f.ticks = d.elsewhere(f.Node)
	signal := syscall.SIGKILL
	if f.silent {
		signal = syscall.SIGSTOP // the manager kills it when its lease is over
	}
	if syscall.Kill(d.workers[f.Node].PID, signal) == nil {
		d.faults = append(d.faults, f)
		d.next = time.Time{}
	}
}

// elsewhere are the ticks that the tasks of all but one worker have executed.
func (d *drill) elsewhere(but int) uint64 {
	n := uint64(0)
	for i := range d.workers {
		for _, t := range d.workers[i].Executed {
			if i != but && t != frame.MaxTick {
				n += uint64(t)
			}
		}
	}
	return n
}

func (d *drill) hear(h events.Happening) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if int(h.Node) >= len(d.workers) {
		return
	}
	before := d.workers[h.Node]
	d.workers.Hear(h)
	w := &d.workers[h.Node]
	if h.Kind != "report" || h.Life != w.Life {
		return
	}
	if before.Life == w.Life && fellBack(before.Executed, w.Executed) {
		d.found.rolledBack++
	}
	if tick, ok := w.LastStage(); ok && tick > d.top {
		d.advance(tick, time.Now())
	}
}

func fellBack(before, now []frame.Tick) bool {
	for i := range min(len(before), len(now)) {
		if now[i] < before[i] {
			return true
		}
	}
	return false
}

// advance notes that the output has gone on.
func (d *drill) advance(tick frame.Tick, now time.Time) {
	stood, first := now.Sub(d.advanced), d.advanced.IsZero()
	d.top, d.advanced = tick, now
	n := len(d.faults)
	switch {
	case n > 0 && d.faults[n-1].open:
		if !d.faults[n-1].Advanced(d.workers, now) {
			return
		}
		d.close(&d.faults[n-1])
	case !first:
		d.found.steady = append(d.found.steady, stood.Seconds())
		return
	}
	d.next = now.Add(settleLeast + time.Duration(d.rng.Int64N(int64(settleMost-settleLeast))))
}

// close notes what came of a fault that is over.
func (d *drill) close(f *fault) {
	f.open = false
	if f.silent {
		d.found.silentGaps = append(d.found.silentGaps, f.Longest.Seconds())
	} else {
		d.found.gaps = append(d.found.gaps, f.Longest.Seconds())
	}
	for i, life := range f.lives {
		if i != f.Node && d.workers[i].Life != life {
			d.found.rolledBack++
		}
	}
	if d.isSource(f.Node) {
		return // the others have nothing to execute
	}
	ticks := d.elsewhere(f.Node) - min(f.ticks, d.elsewhere(f.Node))
	d.found.elsewhere = append(d.found.elsewhere, float64(ticks))
	if ticks == 0 && f.Longest > shortGap {
		d.found.stood++
	}
}

// isSource reports whether a worker has the source: the first stage.
func (d *drill) isSource(node int) bool {
	for i := range d.workers {
		if w := &d.workers[i]; i != node && len(w.Executed) > 0 && w.Executed[0] != frame.MaxTick {
			return false
		}
	}
	return true
}
