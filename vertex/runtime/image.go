package runtime

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
)

// Image is what a stage's tasks on a node were after a marked tick, as ParseImage read it.
//
// Format of its extra, in the values of vertex.ImageWriter: version; stage, tick; number of in-edges, for each its id, the number of its source
// tasks and their CTIs; number of tasks, for each a string of its own: task, number of operators, for each the CTI of its output, whether it is a
// vertex.Imager (1; 2: no state is there, see Strategy), and the string of Image or GetSnapshot, then what a source task adds (sourceTask.image); number of sinks, for each the
// rows that it took and the position of its output. The id of a part is the place of its task in the unit, 20 bits, that of its operator in the task, 12 bits, and 32 bits of the
// operator's choice.
type Image struct {
	Tick  frame.Tick
	edges map[frame.EdgeID][]frame.CTI
	tasks map[frame.TaskID]taskImage
	sinks []sinkImage
}

// taskImage is a task's own.
type taskImage struct {
	extra []byte
	parts []state.StoredPart // their ids without that of the task
}

// sinkImage is what a sink was.
type sinkImage struct {
	rows     uint64 // that it took, in all lives
	position []byte // of its output
}

const imageVersion = 3

// The bits of a part's id.
const (
	opPartBits   = 32
	taskPartBits = opPartBits + 12
	taskIDBits   = 64 - taskPartBits
)

func partsOfTask(i int) uint64 { return uint64(i) << taskPartBits }

// ParseImage reads the image of a stage's tasks on a node, and checks that it is of this plan and of these tasks. What the operators
// wrote is checked when they are loaded. The image lies in extra; parts are read when a worker is made.
func (p *Plan) ParseImage(stage int, tasks shuffle.TaskRange, extra []byte, parts []state.StoredPart) (*Image, error) {
	r := vertex.NewImageReader(extra)
	if v := r.Uint64(); r.Err() == nil && v != imageVersion {
		return nil, fmt.Errorf("image of version %d, want %d", v, imageVersion)
	}
	if s := r.Uint64(); r.Err() == nil && s != uint64(p.imageStage(stage)) {
		return nil, fmt.Errorf("image of stage %d, want %d", s, p.imageStage(stage))
	}
	shift, own := p.imageShift(stage), p.ownEdges(stage)
	im := &Image{Tick: frame.Tick(r.Uint64()), edges: map[frame.EdgeID][]frame.CTI{}, tasks: map[frame.TaskID]taskImage{}}
	for range r.Count(16) {
		e := frame.EdgeID(r.Uint64())
		ctis := make([]frame.CTI, r.Count(8))
		for i := range ctis {
			ctis[i] = frame.CTI(r.Uint64())
		}
		if at, known := own[e]; known {
			e = at
		}
		im.edges[e] = ctis
	}
	for range r.Count(8) {
		b := r.Bytes()
		task := vertex.NewImageReader(b)
		im.tasks[frame.TaskID(task.Uint64())+shift] = taskImage{extra: b}
	}
	for range r.Count(16) {
		im.sinks = append(im.sinks, sinkImage{r.Uint64(), r.Bytes()})
	}
	if err := r.End(); err != nil {
		return nil, err
	}
	if err := im.fits(p, stage, tasks); err != nil {
		return nil, err
	}
	return im, im.deal(tasks, parts)
}

// fits compares an image with the stage it is to be loaded into.
func (im *Image) fits(p *Plan, stage int, tasks shuffle.TaskRange) error {
	in := 0
	for i := range p.Edges {
		e := &p.Edges[i]
		if e.To != stage || e.Instances.Second {
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
		if t := tasks.First + frame.TaskID(i); im.tasks[t].extra == nil {
			return fmt.Errorf("image without task %d", t)
		}
	}
	return nil
}

// deal gives each task its parts.
func (im *Image) deal(tasks shuffle.TaskRange, parts []state.StoredPart) error {
	for _, p := range parts {
		i := p.ID >> taskPartBits
		if i >= uint64(tasks.Count) {
			return fmt.Errorf("image with part %#x of task %d of the unit, want less than %d", p.ID, i, tasks.Count)
		}
		p.ID &= partsOfTask(1) - 1
		task := tasks.First + frame.TaskID(i)
		t := im.tasks[task]
		t.parts = append(t.parts, p)
		im.tasks[task] = t
	}
	return nil
}

// image appends what a task is after the tick it executed last. The ids of the parts are those within the task.
func (f *fused) image(w *vertex.ImageWriter) (parts []state.Part, err error) {
	w.Uint64(uint64(f.named))
	w.Uint64(uint64(len(f.nodes)))
	var op vertex.ImageWriter
	for i := range f.nodes {
		op.Reset()
		var of []state.Part
		kind, err := imageHollow, error(nil)
		if f.nodes[i].horizon == nil {
			of, kind, err = imageOf(f.nodes[i].op, &op)
		}
		if err != nil {
			state.ReleaseParts(parts)
			return nil, fmt.Errorf("%s: image: %w", f.stage.Ops[i].Name, err)
		}
		for j := range of {
			of[j].ID |= uint64(i) << opPartBits
		}
		parts = append(parts, of...)
		w.Uint64(uint64(f.nodes[i].cti))
		w.Uint64(kind)
		w.Bytes(op.Image())
	}
	return parts, nil
}

// The kinds of image of an operator.
const (
	imageWhole  uint64 = iota // of GetSnapshot
	imageParts                // of a vertex.Imager
	imageHollow               // without its state, of a vertex.Horizon
)

// imageOf takes the image of a vertex.
func imageOf(v vertex.Vertex, w *vertex.ImageWriter) (parts []state.Part, kind uint64, err error) {
	if v, ok := v.(vertex.Imager); ok {
		parts, err = v.Image(w)
		return parts, imageParts, err
	}
	return nil, imageWhole, v.GetSnapshot(w)
}

// load makes the task what image wrote. The reader stands behind it then.
func (f *fused) load(r *vertex.ImageReader, parts []state.StoredPart) error {
	if t := r.Uint64(); r.Err() == nil && t != uint64(f.named) {
		return fmt.Errorf("image of task %d, want %d", t, f.named)
	}
	if n := r.Uint64(); r.Err() == nil && n != uint64(len(f.nodes)) {
		return fmt.Errorf("image of task %d with %d operators, want %d", f.task, n, len(f.nodes))
	}
	for i := range f.nodes {
		var of []state.StoredPart
		of, parts = partsOfOp(i, parts)
		f.nodes[i].cti = frame.CTI(r.Uint64())
		kind := r.Uint64()
		op := vertex.NewImageReader(r.Bytes())
		if err := r.Err(); err != nil {
			return err
		}
		err := loadOp(f.nodes[i].op, kind, op, of)
		if err == nil {
			err = op.End()
		}
		if err != nil {
			return fmt.Errorf("%s: task %d: %w", f.stage.Ops[i].Name, f.task, err)
		}
	}
	if len(parts) > 0 {
		return fmt.Errorf("task %d: part %#x of operator %d, want less than %d", f.task, parts[0].ID, parts[0].ID>>opPartBits, len(f.nodes))
	}
	return r.Err()
}

// partsOfOp are the parts of the i-th operator, with its own ids, and those behind them.
func partsOfOp(i int, parts []state.StoredPart) (of, rest []state.StoredPart) {
	for n, p := range parts {
		if p.ID>>opPartBits != uint64(i) {
			return of, parts[n:]
		}
		p.ID &= 1<<opPartBits - 1
		of = append(of, p)
	}
	return of, nil
}

func loadOp(v vertex.Vertex, kind uint64, r *vertex.ImageReader, parts []state.StoredPart) error {
	im, imager := v.(vertex.Imager)
	_, horizon := v.(vertex.Horizon)
	switch {
	case kind == imageParts && imager:
		return im.LoadImage(r, parts)
	case len(parts) > 0:
		return fmt.Errorf("%d parts, want none", len(parts))
	case kind == imageHollow && horizon:
		return nil // it stays as it is
	case kind == imageWhole && !imager:
		return v.Load(r)
	}
	return fmt.Errorf("image of kind %d, which the operator does not write", kind)
}
