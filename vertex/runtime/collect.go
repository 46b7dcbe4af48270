package runtime

import (
	"errors"
	"fmt"
	"sync"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/state/snapshot"
	"github.com/streamscope/streamscope/vertex"
)

// collector puts the pieces of a unit's images together: tasks reach a marked tick one after the other, on several cores, and sinks answer
// when their output is durable. The last piece hands the image on.
type collector struct {
	stage int
	named int // stage, in images
	tasks int // of the unit
	sinks int
	to    *Recovery
	mu    struct {
		sync.Mutex
		open   map[frame.Tick]*pieces
		last   frame.Tick // the newest complete one
		closed bool
	}
}

// pieces is an image that is not complete.
type pieces struct {
	edges   []byte           // from whoever came first: all cores agree
	tasks   []snapshot.Image // by task of the unit
	sinks   []sinkImage
	missing int
	lost    bool // a task could not give its own: what comes is released
}

func newCollector(stage, named, tasks, sinks int, to *Recovery) *collector {
	c := &collector{stage: stage, named: named, tasks: tasks, sinks: sinks, to: to}
	c.mu.open = map[frame.Tick]*pieces{}
	return c
}

// task adds what a task was after tick t; the collector releases its parts. edges is what the unit's in-edges were.
func (c *collector) task(t frame.Tick, i int, edges []byte, image snapshot.Image) {
	taken := c.add(t, func(p *pieces) {
		p.tasks[i] = image
		if p.edges == nil {
			p.edges = edges
		}
	})
	if !taken {
		image.Release()
	}
}

// sink adds what a sink was after tick t.
func (c *collector) sink(t frame.Tick, i int, image sinkImage) {
	c.add(t, func(p *pieces) { p.sinks[i] = image })
}

// lose gives the image of a tick up: a task has none.
func (c *collector) lose(t frame.Tick, err error) {
	first := false
	c.add(t, func(p *pieces) {
		first, p.lost = !p.lost, true
		p.release()
	})
	if first {
		c.to.Lost(c.stage, t, err)
	}
}

// add puts a piece into the image of a tick, unless nobody wants it.
func (c *collector) add(t frame.Tick, put func(*pieces)) (taken bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t <= c.mu.last || c.mu.closed {
		return false // a piece of an image that others have missed, or of nobody's
	}
	p := c.mu.open[t]
	if p == nil {
		p = &pieces{tasks: make([]snapshot.Image, c.tasks), sinks: make([]sinkImage, c.sinks), missing: c.tasks + c.sinks}
		c.mu.open[t] = p
	}
	put(p)
	if p.lost {
		p.release()
	}
	if p.missing--; p.missing > 0 {
		return true
	}
	delete(c.mu.open, t)
	if p.lost {
		return true
	}
	c.mu.last = t
	c.drop(t)
	c.to.Save(c.stage, t, p.image(c.named, t))
	return true
}

// drop releases what there is of images up to a tick. The caller holds the lock.
func (c *collector) drop(to frame.Tick) {
	for t, p := range c.mu.open {
		if t <= to {
			p.release()
			delete(c.mu.open, t)
		}
	}
}

// close releases what is not complete, and from now on everything that comes.
func (c *collector) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mu.closed = true
	c.drop(frame.MaxTick)
}

func (p *pieces) release() {
	for i := range p.tasks {
		p.tasks[i].Release()
		p.tasks[i] = snapshot.Image{}
	}
}

// image is the whole, see Image.
func (p *pieces) image(stage int, t frame.Tick) snapshot.Image {
	var w vertex.ImageWriter
	var parts []state.Part
	w.Uint64(imageVersion)
	w.Uint64(uint64(stage))
	w.Uint64(uint64(t))
	w.Raw(p.edges)
	w.Uint64(uint64(len(p.tasks)))
	for _, task := range p.tasks {
		w.Bytes(task.Extra)
		parts = append(parts, task.Parts...)
	}
	w.Uint64(uint64(len(p.sinks)))
	for _, s := range p.sinks {
		w.Uint64(s.rows)
		w.Bytes(s.position)
	}
	return snapshot.Image{Extra: w.Image(), Parts: parts}
}

// edgesImage is what the in-edges of a stage were after the tick that its tasks on this core executed last.
func (s *stageRun) edgesImage() []byte {
	var w vertex.ImageWriter
	w.Uint64(uint64(len(s.in)))
	for _, e := range s.in {
		w.Uint64(uint64(s.core.worker.cfg.Plan.imageEdge(e)))
		s.ctis = s.core.port.CTIs(e, s.ctis[:0])
		w.Uint64(uint64(len(s.ctis)))
		for _, c := range s.ctis {
			w.Uint64(uint64(c))
		}
	}
	return w.Image()
}

// takeImage hands the pieces of this core to the unit's collector, after marked tick t. Called between ticks.
func (s *stageRun) takeImage(t frame.Tick) error {
	s.noteLow(t)
	edges := s.edgesImage()
	for i, f := range s.tasks {
		if err := s.takeTask(t, i, edges, f.image); err != nil {
			return err
		}
	}
	return s.takeSink(t)
}

// takeTask hands on the piece of the i-th task of this core.
func (s *stageRun) takeTask(t frame.Tick, i int, edges []byte, image func(*vertex.ImageWriter) ([]state.Part, error)) error {
	var w vertex.ImageWriter
	parts, err := image(&w)
	if errors.Is(err, state.ErrFrozen) {
		s.images.lose(t, err)
		return nil
	}
	if err != nil {
		return err
	}
	for j := range parts {
		parts[j].ID |= partsOfTask(s.firstTask + i)
	}
	s.images.task(t, s.firstTask+i, edges, snapshot.Image{Extra: w.Image(), Parts: parts})
	return nil
}

// takeSink asks the sink to make durable what it has.
func (s *stageRun) takeSink(t frame.Tick) error {
	if s.sink == nil {
		return nil
	}
	w, name, rows := s.core.worker, s.st.Name, s.stats.before.sink+s.stats.sink.Load()
	s.sink.Checkpoint(func(position []byte, err error) {
		if err != nil {
			w.cfg.Fail(fmt.Errorf("%s: making the output durable after tick %d: %w", name, t, err))
			return
		}
		s.images.sink(t, s.sinkIndex, sinkImage{rows, position})
	})
	return nil
}
