package simtest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/state/snapshot"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// shadows lets a worker make again what it has dropped early, in turns with the rest.
func (w *worker) shadows() *runtime.Shadows {
	s := w.sim
	if s.cfg.Faults == nil || s.cfg.Broken == M26 {
		return nil
	}
	w.arenas = nil
	return &runtime.Shadows{
		Image: w.shadowImage,
		Arena: func() (*ringlog.Arena, error) {
			spill := &spillFile{w: w}
			l := s.cfg.Limits
			a, err := ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: l.SegmentBytes, LimitBytes: l.ArenaBytes, Backing: ringlog.Heap,
				OpenSpill: func() (ringlog.SpillFile, error) { return spill, nil },
				Available: func() (ringlog.Memory, error) { return ringlog.Memory{Bytes: 1 << 40, Source: "the simulator"}, nil }})
			w.arenas = append(w.arenas, a)
			s.shadowed++
			return a, err
		},
		Pages:      func() (state.Pages, func()) { return &state.HeapPages{}, func() {} },
		Room:       w.shadowRoom,
		CutLane:    w.cutLane,
		Wake:       func() {},
		PatienceNs: shadowPatienceNs,
	}
}

// shadowPatienceNs is far longer than any fault lasts.
const shadowPatienceNs = 20e6

func (w *worker) cutLane(lane uint8) {
	for n := range w.links {
		if links := w.lane(frame.NodeID(n), lane); links != nil {
			links[0].Cut(errors.New("the lane is for another shadow run now"))
		}
	}
}

// shadowRoom makes room in the arenas of shadow runs.
func (w *worker) shadowRoom(_, _ <-chan struct{}) error {
	for _, a := range w.arenas {
		if a.Step() {
			return nil
		}
	}
	return errNoRoom
}

// stepShadows gives a turn to what is made again.
func (w *worker) stepShadows() (worked bool) {
	if w.w == nil || !w.w.Shadowing() || w.sim.rng.IntN(3) > 0 {
		return false
	}
	for _, a := range w.arenas {
		a.Step()
	}
	return w.w.StepShadows(w.now())
}

// shadowImage is runtime.Shadows.Image.
func (w *worker) shadowImage(stage int, t frame.Tick) (*runtime.Image, func() error, error) {
	if w.sim.cfg.Broken == ShadowAhead {
		t = w.sim.disks[w.node].newest(slices.Repeat([]frame.Tick{t}, len(w.sim.shapes)))[stage]
	}
	image, ok := w.sim.image(stage, w.node, t)
	if !ok {
		return nil, nil, fmt.Errorf("I11: no image of stage %d after tick %d for a shadow run", stage, t)
	}
	l, err := snapshot.Decode(image)
	if errors.Is(err, snapshot.ErrDamaged) && w.sim.damaged {
		return nil, nil, fmt.Errorf("%w: %w", runtime.ErrNoShadow, &unreadable{control.Saved{Stage: control.StageID(stage), Tick: t}})
	}
	if err != nil {
		return nil, nil, err
	}
	im, err := w.sim.cfg.Plan.ParseImage(stage, w.sim.cfg.Plan.TasksOn(stage, w.node, w.sim.cfg.Limits.Nodes), l.Extra, l.Parts)
	return im, func() error { return nil }, err
}

// failShadow judges why what was dropped could not be made again beside the node: there has to be a reason.
func (w *worker) failShadow(err error) {
	if w.sim.regenerated++; w.sim.cfg.Broken == M26 {
		return
	}
	if !errors.Is(err, runtime.ErrNoShadow) {
		w.sim.fail(fmt.Errorf("S1: node %d: a shadow run fails: %w", w.node, err))
		return
	}
	w.tell(control.Failed{From: w.from(), Reason: err.Error(), Dropped: errors.Is(err, shuffle.ErrDropped)})
}
