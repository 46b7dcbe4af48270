package runtime

import (
	"fmt"
	"sync"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/vertex"
)

// collector puts the parts of a unit's images together: tasks reach a marked tick one after the other, on several cores, and sinks answer
// when their output is durable. The last part hands the image on.
type collector struct {
	stage int
	tasks int // of the unit
	sinks int
	save  func(stage int, t frame.Tick, image []byte)
	mu    struct {
		sync.Mutex
		open map[frame.Tick]*parts
		last frame.Tick // the newest complete one
	}
}

// parts is an image that is not complete.
type parts struct {
	edges   []byte   // from whoever came first: all cores agree
	tasks   [][]byte // by task of the unit
	sinks   [][]byte
	missing int
}

func newCollector(stage, tasks, sinks int, save func(int, frame.Tick, []byte)) *collector {
	c := &collector{stage: stage, tasks: tasks, sinks: sinks, save: save}
	c.mu.open = map[frame.Tick]*parts{}
	return c
}

// task adds what a task was after tick t. edges is what the unit's in-edges were.
func (c *collector) task(t frame.Tick, i int, edges, image []byte) {
	c.add(t, func(p *parts) {
		p.tasks[i] = image
		if p.edges == nil {
			p.edges = edges
		}
	})
}

// sink adds the position of a sink's output after tick t.
func (c *collector) sink(t frame.Tick, i int, position []byte) {
	c.add(t, func(p *parts) { p.sinks[i] = position })
}

func (c *collector) add(t frame.Tick, put func(*parts)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t <= c.mu.last {
		return // a part of an image that others have missed
	}
	p := c.mu.open[t]
	if p == nil {
		p = &parts{tasks: make([][]byte, c.tasks), sinks: make([][]byte, c.sinks), missing: c.tasks + c.sinks}
		c.mu.open[t] = p
	}
	put(p)
	if p.missing--; p.missing > 0 {
		return
	}
	c.mu.last = t
	for old := range c.mu.open {
		if old <= t {
			delete(c.mu.open, old)
		}
	}
	c.save(c.stage, t, p.image(c.stage, t))
}

// image is the whole, see Image.
func (p *parts) image(stage int, t frame.Tick) []byte {
	var w vertex.ImageWriter
	w.Uint64(imageVersion)
	w.Uint64(uint64(stage))
	w.Uint64(uint64(t))
	w.Raw(p.edges)
	w.Uint64(uint64(len(p.tasks)))
	for _, b := range p.tasks {
		w.Bytes(b)
	}
	w.Uint64(uint64(len(p.sinks)))
	for _, b := range p.sinks {
		w.Bytes(b)
	}
	return w.Image()
}

// edgesImage is what the in-edges of a stage were after the tick that its tasks on this core executed last.
func (s *stageRun) edgesImage() []byte {
	var w vertex.ImageWriter
	w.Uint64(uint64(len(s.in)))
	for _, e := range s.in {
		w.Uint64(uint64(e))
		s.ctis = s.core.port.CTIs(e, s.ctis[:0])
		w.Uint64(uint64(len(s.ctis)))
		for _, c := range s.ctis {
			w.Uint64(uint64(c))
		}
	}
	return w.Image()
}

// takeImage hands the parts of this core to the unit's collector, after marked tick t. Called between ticks.
func (s *stageRun) takeImage(t frame.Tick) error {
	edges := s.edgesImage()
	for i, f := range s.tasks {
		if err := s.takeTask(t, i, edges, f.image); err != nil {
			return err
		}
	}
	return s.takeSink(t)
}

// takeTask hands on the part of the i-th task of this core.
func (s *stageRun) takeTask(t frame.Tick, i int, edges []byte, image func(*vertex.ImageWriter) error) error {
	var w vertex.ImageWriter
	if err := image(&w); err != nil {
		return err
	}
	s.images.task(t, s.firstTask+i, edges, w.Image())
	return nil
}

// takeSink asks the sink to make durable what it has.
func (s *stageRun) takeSink(t frame.Tick) error {
	if s.sink == nil {
		return nil
	}
	w, name := s.core.worker, s.st.Name
	s.sink.Checkpoint(func(position []byte, err error) {
		if err != nil {
			w.cfg.Fail(fmt.Errorf("%s: making the output durable after tick %d: %w", name, t, err))
			return
		}
		s.images.sink(t, s.sinkIndex, position)
	})
	return nil
}
