package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/streamscope/streamscope/bench/live"
	"github.com/streamscope/streamscope/control/events"
)

// world is the processes of a job, as chaos sees them.
type world struct {
	cfg    Config
	dir    string
	began  time.Time
	rng    *rand.Rand
	result *Result
	length time.Duration // of a round without faults
	net    *network      // nil: that of the machine

	mu      sync.Mutex
	manager int // pid
	workers live.Workers
	left    live.Workers // as the manager before has left them
	top     uint64       // the greatest tick that the last stage has executed in this round
	open    []*outage
	rows    uint64
}

// outage is a fault whose gap is not over.
type outage struct {
	live.Outage
	fault int       // in the result
	until time.Time // it is not over before
}

func (w *world) start(ctx context.Context) (*live.Run, error) {
	w.mu.Lock()
	if w.left = w.workers; w.left == nil {
		w.left = make(live.Workers, w.cfg.Workers)
	}
	w.workers = w.left.Left()
	w.mu.Unlock()
	exe, args := w.cfg.Exe, append(w.args(w.out(), "--data-dir", w.data(), "--workers", fmt.Sprint(w.cfg.Workers),
		"--rate", fmt.Sprint(w.result.Rate), "--snapshot-interval", w.cfg.Interval.String()), w.cfg.Policies...)
	if w.net != nil {
		exe, args = w.net.command(exe, args)
	}
	m, err := live.Start(ctx, exe, args, w.hear)
	if err != nil {
		return nil, err
	}
	w.result.Lives++
	w.mu.Lock()
	w.manager = m.PID()
	w.writePIDs()
	w.mu.Unlock()
	return m, nil
}

func (w *world) hear(h events.Happening) {
	w.mu.Lock()
	defer w.mu.Unlock()
	changed, rows := w.workers.Hear(h)
	w.rows += rows
	if changed {
		w.writePIDs()
	}
	if h.Kind == "takeover" {
		w.tookOver()
	}
	if h.Kind == "report" && int(h.Node) < len(w.workers) && h.Life == w.workers[h.Node].Life {
		if tick, ok := w.workers[h.Node].LastStage(); ok {
			w.advance(uint64(tick))
		}
	}
}

// advance notes how far the last stage is, and ends the gaps of faults before.
func (w *world) advance(tick uint64) {
	now := time.Now()
	if tick > w.top {
		w.top = tick
		w.open = slices.DeleteFunc(w.open, func(o *outage) bool {
			over := o.Advanced(w.workers, now) && !now.Before(o.until)
			if over {
				w.result.Faults[o.fault].GapS = o.Longest.Seconds()
			}
			return over
		})
	}
	w.result.Samples = append(w.result.Samples, Sample{AtS: now.Sub(w.began).Seconds(), Tick: w.top, Rows: w.rows})
}

// writePIDs keeps the file of processes up to date.
func (w *world) writePIDs() {
	if w.cfg.PIDs == "" {
		return
	}
	var b strings.Builder
	fmt.Fprintln(&b, w.manager)
	for _, s := range w.workers {
		if s.PID != 0 {
			fmt.Fprintln(&b, s.PID)
		}
	}
	if err := os.WriteFile(w.cfg.PIDs, []byte(b.String()), 0o644); err != nil {
		w.say("%v", err)
	}
}

// round runs one job to its end through faults.
func (w *world) round(ctx context.Context) error {
	w.mu.Lock()
	w.top, w.open, w.workers = 0, nil, nil
	w.mu.Unlock()
	if w.cfg.Duration > 0 {
		watching, stop := context.WithCancel(ctx)
		var watch sync.WaitGroup
		watch.Go(func() { w.watch(watching) })
		defer func() {
			stop()
			watch.Wait()
		}()
	}
	for {
		m, err := w.start(ctx)
		if err != nil {
			if w.manager != 0 { // its workers live on, in its group
				_ = syscall.Kill(-w.manager, syscall.SIGKILL)
			}
			return err
		}
		ended, err := w.hurt(ctx, m)
		if err != nil {
			m.Kill()
			return err
		}
		if ended {
			return nil
		}
	}
}

// hurt injects faults until the manager is gone. ended says that the job has come to its end.
func (w *world) hurt(ctx context.Context, m *live.Run) (ended bool, err error) {
	for {
		pause := time.NewTimer(w.pause())
		select {
		case <-ctx.Done():
			pause.Stop()
			return false, context.Cause(ctx)
		case <-m.Exited():
			pause.Stop()
			return true, m.Err()
		case <-pause.C:
		}
		if w.result.Counted >= w.cfg.Faults {
			continue // let it end
		}
		if fatal := w.inject(m); fatal {
			<-m.Exited()
			if m.Err() == nil {
				return true, nil // it was quicker
			}
			w.leaveAlone(ctx)
			return false, nil
		}
	}
}

// pause is the time to the next fault: about as long as spreads them over the round, never too short to come back in.
func (w *world) pause() time.Duration {
	mean := w.length / time.Duration(max(8, min(w.cfg.Faults, 40)))
	if w.cfg.Duration > 0 {
		mean = w.length / time.Duration(w.cfg.Faults)
	}
	return mean/4 + time.Duration(w.rng.ExpFloat64()*float64(mean)*3/4)
}

// eventsIn reads the number of events from the figures of a run.
func eventsIn(path string) (uint64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	var s struct {
		EventsIn uint64 `json:"events_in"`
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	if s.EventsIn == 0 {
		return 0, errors.New("the job reads nothing: there is nothing to disturb")
	}
	return s.EventsIn, nil
}
