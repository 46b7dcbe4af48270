package runtime

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// marks are the ticks at which images are to be taken. The manager adds to them ahead of the sources; cores ask before they choose what to
// execute. Who is past a tick when it hears of it leaves it out.
type marks struct {
	adding sync.Mutex
	ticks  atomic.Pointer[[]frame.Tick] // rising, the newest few; never changed in place
}

// marksMax is how many marks are remembered: the manager has fewer under way.
const marksMax = 8

func (m *marks) all() []frame.Tick {
	if p := m.ticks.Load(); p != nil {
		return *p
	}
	return nil
}

func (m *marks) add(t frame.Tick) {
	m.adding.Lock()
	defer m.adding.Unlock()
	ticks := slices.Clone(m.all())
	i, found := slices.BinarySearch(ticks, t)
	if found {
		return
	}
	ticks = slices.Insert(ticks, i, t)
	ticks = ticks[max(0, len(ticks)-marksMax):]
	m.ticks.Store(&ticks)
}

// after is the first mark after a tick; 0: none.
func (m *marks) after(t frame.Tick) frame.Tick {
	for _, k := range m.all() {
		if k > t {
			return k
		}
	}
	return 0
}

// at tells whether a tick is marked.
func (m *marks) at(t frame.Tick) bool { return slices.Contains(m.all(), t) }

// Mark asks for the image of every stage after tick t. It may be called from any goroutine.
func (w *Worker) Mark(t frame.Tick) {
	w.marks.add(t)
	w.wakeAll() // a source task that has ended looks for it
	if t < frame.Tick(w.opened.Load()) || t <= frame.Tick(w.cut.Load()) {
		raise(&w.missed, t)
	}
	for i := range w.stages {
		for c := range w.stages[i].byCore {
			if done := frame.Tick(w.stages[i].byCore[c].Load()); done >= t && done != frame.MaxTick {
				raise(&w.missed, t)
			}
		}
	}
}

// passed notes the marks that someone leaves behind without an image who goes from one tick to another at once: they came too late.
func (w *Worker) passed(from, to frame.Tick) {
	for t := w.marks.after(from); t != 0 && t < to; t = w.marks.after(t) {
		raise(&w.missed, t)
	}
}
