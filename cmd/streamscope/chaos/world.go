package chaos

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/streamscope/streamscope/cmd/streamscope/engine"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// world is the processes of a job, as chaos sees them.
type world struct {
	cfg    Config
	dir    string
	began  time.Time
	rng    *rand.Rand
	result *Result
	length time.Duration // of a round without faults

	mu      sync.Mutex
	manager int    // pid
	workers []seen // by node
	top     uint64 // the greatest tick that the last stage has executed in this round
	rows    uint64
}

// seen is what was heard of a worker.
type seen struct {
	pid      int
	life     uint32
	executed []frame.Tick
	saved    []frame.Tick
	in       uint64 // rows read in this life
}

// manager is a `run` with its workers.
type manager struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
	heard  sync.WaitGroup
	exited chan struct{}
	err    error // valid once exited is closed
}

func (w *world) start(ctx context.Context) (*manager, error) {
	hear, tell, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer tell.Close()
	w.mu.Lock()
	w.workers = make([]seen, w.cfg.Workers)
	w.mu.Unlock()
	m := &manager{exited: make(chan struct{})}
	m.cmd = exec.CommandContext(ctx, w.cfg.Exe, w.args(w.out(), "--data-dir", w.data(), "--workers", fmt.Sprint(w.cfg.Workers),
		"--rate", fmt.Sprint(w.result.Rate), "--snapshot-interval", w.cfg.Interval.String(), "--events", "/dev/fd/3")...)
	m.cmd.ExtraFiles, m.cmd.Stderr = []*os.File{tell}, &m.stderr
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	m.cmd.WaitDelay = 10 * time.Second
	if err := m.cmd.Start(); err != nil {
		hear.Close()
		return nil, err
	}
	w.result.Lives++
	w.mu.Lock()
	w.manager = m.cmd.Process.Pid
	w.writePIDs()
	w.mu.Unlock()
	m.heard.Go(func() {
		defer hear.Close()
		w.listen(hear)
	})
	go func() {
		m.err = m.cmd.Wait()
		m.heard.Wait()
		close(m.exited)
	}()
	return m, nil
}

// listen follows the events of a manager until it is gone.
func (w *world) listen(r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var h engine.Happening
		if json.Unmarshal(lines.Bytes(), &h) != nil || int(h.Node) >= w.cfg.Workers {
			continue // a line that was cut by a kill
		}
		w.hear(h)
	}
}

func (w *world) hear(h engine.Happening) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &w.workers[h.Node]
	switch h.Kind {
	case "hello":
		*s = seen{pid: h.PID, life: h.Life}
		w.writePIDs()
	case "lost":
		if h.Life == s.life {
			*s = seen{}
			w.writePIDs()
		}
	case "progress":
		w.rows += h.In - min(h.In, s.in)
		s.in = h.In
	case "report":
		if h.Life != s.life {
			return
		}
		s.executed, s.saved = h.Executed, h.Saved
		if n := len(h.Executed); n > 0 && h.Executed[n-1] != frame.MaxTick {
			w.advance(uint64(h.Executed[n-1]))
		}
	}
}

// advance notes how far the last stage is, and ends the gaps of faults before.
func (w *world) advance(tick uint64) {
	now := time.Since(w.began).Seconds()
	if tick > w.top {
		w.top = tick
		for i := len(w.result.Faults) - 1; i >= 0 && w.result.Faults[i].GapS < 0; i-- {
			w.result.Faults[i].GapS = now - w.result.Faults[i].AtS
		}
	}
	w.result.Samples = append(w.result.Samples, Sample{AtS: now, Tick: w.top, Rows: w.rows})
}

// writePIDs keeps the file of processes up to date.
func (w *world) writePIDs() {
	if w.cfg.PIDs == "" {
		return
	}
	var b strings.Builder
	fmt.Fprintln(&b, w.manager)
	for _, s := range w.workers {
		if s.pid != 0 {
			fmt.Fprintln(&b, s.pid)
		}
	}
	if err := os.WriteFile(w.cfg.PIDs, []byte(b.String()), 0o644); err != nil {
		w.say("%v", err)
	}
}

// round runs one job to its end through faults.
func (w *world) round(ctx context.Context) error {
	w.mu.Lock()
	w.top = 0
	w.mu.Unlock()
	for {
		m, err := w.start(ctx)
		if err != nil {
			return err
		}
		ended, err := w.hurt(ctx, m)
		if err != nil {
			_ = syscall.Kill(-m.cmd.Process.Pid, syscall.SIGKILL)
			<-m.exited
			return err
		}
		if ended {
			return nil
		}
	}
}

// hurt injects faults until the manager is gone. ended says that the job has come to its end.
func (w *world) hurt(ctx context.Context, m *manager) (ended bool, err error) {
	for {
		pause := time.NewTimer(w.pause())
		select {
		case <-ctx.Done():
			pause.Stop()
			return false, context.Cause(ctx)
		case <-m.exited:
			pause.Stop()
			return true, w.end(m)
		case <-pause.C:
		}
		if w.result.Counted >= w.cfg.Faults {
			continue // let it end
		}
		if fatal := w.inject(m); fatal {
			<-m.exited
			if m.err == nil {
				return true, nil // it was quicker
			}
			return false, nil
		}
	}
}

// pause is the time to the next fault: about as long as spreads them over the round, never too short to come back in.
func (w *world) pause() time.Duration {
	mean := w.length / time.Duration(max(8, min(w.cfg.Faults, 40)))
	return mean/4 + time.Duration(w.rng.ExpFloat64()*float64(mean)*3/4)
}

func (w *world) end(m *manager) error {
	if m.err != nil {
		return fmt.Errorf("the run failed: %w: %s", m.err, lastLine(m.stderr.String()))
	}
	return nil
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
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
