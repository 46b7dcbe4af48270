package runtime

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/vertex"
)

// Image is what a stage's tasks on a node were after a marked tick, as ParseImage read it.
//
// Format, in the values of vertex.ImageWriter: version; stage, tick; number of in-edges, for each its id, the number of its source tasks and
// their CTIs; number of tasks, for each a string of its own: task, number of operators, for each the CTI of its output and the string of
// GetSnapshot, then what a source task adds (sourceTask.image); number of sinks, for each the position of its output.
type Image struct {
	Tick  frame.Tick
	edges map[frame.EdgeID][]frame.CTI
	tasks map[frame.TaskID][]byte
	sinks [][]byte
}

const imageVersion = 1

// ParseImage reads the image of a stage's tasks on a node, and checks that it is of this plan and of these tasks. What the operators
// wrote is checked when they are loaded. The image lies in b.
func (p *Plan) ParseImage(stage int, tasks shuffle.TaskRange, b []byte) (*Image, error) {
	r := vertex.NewImageReader(b)
	if v := r.Uint64(); r.Err() == nil && v != imageVersion {
		return nil, fmt.Errorf("image of version %d, want %d", v, imageVersion)
	}
	if s := r.Uint64(); r.Err() == nil && s != uint64(stage) {
		return nil, fmt.Errorf("image of stage %d, want %d", s, stage)
	}
	im := &Image{Tick: frame.Tick(r.Uint64()), edges: map[frame.EdgeID][]frame.CTI{}, tasks: map[frame.TaskID][]byte{}}
	for range r.Count(16) {
		e := frame.EdgeID(r.Uint64())
		ctis := make([]frame.CTI, r.Count(8))
		for i := range ctis {
			ctis[i] = frame.CTI(r.Uint64())
		}
		im.edges[e] = ctis
	}
	for range r.Count(8) {
		b := r.Bytes()
		task := vertex.NewImageReader(b)
		im.tasks[frame.TaskID(task.Uint64())] = b
	}
	for range r.Count(8) {
		im.sinks = append(im.sinks, r.Bytes())
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	return im, im.fits(p, stage, tasks)
}

// fits compares an image with the stage it is to be loaded into.
func (im *Image) fits(p *Plan, stage int, tasks shuffle.TaskRange) error {
	in := 0
	for i := range p.Edges {
		e := &p.Edges[i]
		if e.To != stage {
			continue
		}
		in++
		if got, want := len(im.edges[e.ID]), p.Stages[e.From].Tasks; got != want {
			return fmt.Errorf("image with %d source tasks of edge %d, want %d", got, e.ID, want)
		}
	}
	if len(im.edges) != in || len(im.tasks) != tasks.Count {
		return fmt.Errorf("image of %d in-edges and %d tasks, want %d and %d", len(im.edges), len(im.tasks), in, tasks.Count)
	}
	for i := range tasks.Count {
		if t := tasks.First + frame.TaskID(i); im.tasks[t] == nil {
			return fmt.Errorf("image without task %d", t)
		}
	}
	return nil
}

// image appends what a task is after the tick it executed last.
func (f *fused) image(w *vertex.ImageWriter) error {
	w.Uint64(uint64(f.task))
	w.Uint64(uint64(len(f.nodes)))
	var op vertex.ImageWriter
	for i := range f.nodes {
		op.Reset()
		if err := f.nodes[i].op.GetSnapshot(&op); err != nil {
			return fmt.Errorf("%s: snapshot: %w", f.stage.Ops[i].Name, err)
		}
		w.Uint64(uint64(f.nodes[i].cti))
		w.Bytes(op.Image())
	}
	return nil
}

// load makes the task what image wrote. The reader stands behind it then.
func (f *fused) load(r *vertex.ImageReader) error {
	if t := r.Uint64(); r.Err() == nil && t != uint64(f.task) {
		return fmt.Errorf("image of task %d, want %d", t, f.task)
	}
	if n := r.Uint64(); r.Err() == nil && n != uint64(len(f.nodes)) {
		return fmt.Errorf("image of task %d with %d operators, want %d", f.task, n, len(f.nodes))
	}
	for i := range f.nodes {
		f.nodes[i].cti = frame.CTI(r.Uint64())
		op := vertex.NewImageReader(r.Bytes())
		if err := r.Err(); err != nil {
			return err
		}
		err := f.nodes[i].op.Load(op)
		if err == nil {
			err = op.End()
		}
		if err != nil {
			return fmt.Errorf("%s: task %d: %w", f.stage.Ops[i].Name, f.task, err)
		}
	}
	return r.Err()
}
