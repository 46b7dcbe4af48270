package simtest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/journal"
	"github.com/streamscope/streamscope/state/snapshot"
	"github.com/streamscope/streamscope/vertex/runtime"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

// disk is what survives the processes of a node: journals and images, as far as they were made durable, which happens at steps of the seed's
// choosing.
type disk struct {
	sim      *Sim
	node     frame.NodeID
	life     frame.Incarnation // whoever came last; what earlier ones write is refused
	journals map[int]*diskJournal
	opened   []*diskJournal // the same, in the order in which they were made
	images   map[control.Saved][]byte
	listed   []control.Saved // saved, if still known
	writing  []writing       // on its way
	unsaved  []control.Unsaved
	needs    control.Needs            // as last heard of
	waiting  map[int]int              // by stage: images on their way
	output   *vertextest.MemoryOutput // of the sink on this node; nil: there is none
	rows     int                      // of it that are durable
	before   map[int][]byte           // by stage: the image of the mark before, for StaleImage
}

// writing is an image, or the answer of an output, that is being made durable.
type writing struct {
	image bool
	done  func()
}

func newDisk(sim *Sim, node frame.NodeID) *disk {
	return &disk{sim: sim, node: node, journals: map[int]*diskJournal{}, images: map[control.Saved][]byte{}, before: map[int][]byte{}, waiting: map[int]int{}}
}

// take gives the disk to a new life: it finds what is durable, and the one before can write nothing any more.
func (d *disk) take(life frame.Incarnation) {
	if d.sim.cfg.Broken != M17 {
		d.crash(d.life)
	}
	d.life = life
}

// diskJournal is a journal whose records become durable later.
type diskJournal struct {
	records []journal.Record
	before  uint64 // records that were trimmed
	durable uint64
	changed func()
	kept    map[frame.TaskID]frame.Tick // the last tick that was ever durable
}

func (j *diskJournal) last() uint64 { return j.before + uint64(len(j.records)) }

// handle is a journal as a life has it open.
type handle struct {
	*diskJournal
	disk *disk
	life frame.Incarnation
	seen uint64
}

var errFenced = errors.New("the journal was opened by a later life")

func (h *handle) fenced() bool { return h.disk.life != h.life && h.disk.sim.cfg.Broken != M17 }

func (h *handle) Append(r journal.Record) (uint64, error) {
	if h.fenced() {
		return 0, errFenced
	}
	if kept := h.kept[r.Task]; r.First <= kept {
		return 0, fmt.Errorf("I4: task %d cuts ticks %d to %d, but its journal goes to %d", r.Task, r.First, r.Last, kept)
	}
	h.records = append(h.records, r.Clone())
	return h.last(), nil
}

func (h *handle) Durable() uint64 {
	if !h.fenced() {
		h.seen = h.durable
	}
	if h.disk.sim.cfg.Broken == M16 {
		return h.last()
	}
	return h.seen
}

// Room is wanting on a disk that is full. Ticks are cut sooner for that. It does not come and go from one call to the next: a source that waits for input
// would never be asked when there is room.
func (h *handle) Room() bool {
	s := h.disk.sim
	return s.steps >= s.harms[h.disk.node].full
}

func (h *handle) Close() error { return nil }

func (h *handle) Trim(t frame.Tick) {
	if !h.fenced() {
		h.trim(t)
	}
}

// trim removes the records at the front that nobody needs.
func (j *diskJournal) trim(t frame.Tick) {
	n := 0
	for n < len(j.records) && j.before+uint64(n) < j.durable && j.records[n].Last <= t {
		n++
	}
	j.records = slices.Delete(j.records, 0, n)
	j.before += uint64(n)
}

// open is runtime.Recovery.Journal.
func (d *disk) open(stage int, changed func()) (runtime.Journal, []journal.Record, error) {
	j := d.journals[stage]
	if j == nil {
		j = &diskJournal{kept: map[frame.TaskID]frame.Tick{}}
		d.journals[stage] = j
		d.opened = append(d.opened, j)
	}
	j.changed = changed
	records := slices.Clone(j.records)
	if d.sim.cfg.Broken == M24 && len(records) > 1 {
		records = records[1:]
	}
	if d.sim.cfg.Broken == LostInput {
		records = withoutInput(records)
	}
	return &handle{diskJournal: j, disk: d, life: d.life}, records, nil
}

// imagesWaiting is how many images of a unit may wait; the next is left out, as by package state/snapshot.
const imagesWaiting = 2

var errImages = errors.New("two images before it are still being written")

// save is runtime.Recovery.Save of a life.
func (d *disk) save(life frame.Incarnation, stage int, t frame.Tick, im snapshot.Image) {
	if life != d.life && !d.sim.cfg.Broken.unfenced() {
		im.Release()
		return
	}
	s := control.Saved{Stage: control.StageID(stage), Tick: t}
	if d.waiting[stage] == imagesWaiting {
		im.Release()
		d.lost(stage, t, errImages)
		return
	}
	d.waiting[stage]++
	d.writing = append(d.writing, writing{image: true, done: func() {
		d.waiting[stage]--
		defer im.Release()
		if d.sim.flaky() || d.sim.steps < d.sim.harms[d.node].unsaved {
			d.unsaved = append(d.unsaved, control.Unsaved{Saved: s, Reason: "the disk is full"})
			return
		}
		b, err := im.Encode()
		if err != nil {
			d.sim.fail(err)
			return
		}
		if d.sim.cfg.Broken == StaleImage {
			if b, d.before[stage] = d.before[stage], b; b == nil {
				return
			}
		}
		d.images[s], d.listed = b, nil
		if d.sim.cfg.Broken == M11 {
			d.onlyNewest(s)
		}
	}})
}

// lost is runtime.Recovery.Lost: too many images wait.
func (d *disk) lost(stage int, t frame.Tick, err error) {
	d.unsaved = append(d.unsaved, control.Unsaved{Saved: control.Saved{Stage: control.StageID(stage), Tick: t}, Reason: err.Error()})
}

// later makes an output durable at some step.
func (d *disk) later(answer func()) { d.writing = append(d.writing, writing{done: answer}) }

// step makes something durable.
func (d *disk) step(rng *rand.Rand) {
	for _, j := range d.opened { // equal seeds give equal runs
		if j.last() > j.durable && rng.IntN(2) == 0 && !d.sim.flaky() {
			for range 1 + rng.Uint64N(j.last()-j.durable) {
				r := &j.records[j.durable-j.before]
				if r.Input == nil {
					j.kept[r.Task] = max(j.kept[r.Task], r.Last)
				}
				j.durable++
			}
			j.changed()
		}
	}
	if len(d.writing) > 0 && rng.IntN(2) == 0 {
		next := d.writing[0]
		d.writing = d.writing[1:]
		next.done()
	}
}

// crash loses what is not durable, if the disk is still that of the life that ends.
func (d *disk) crash(life frame.Incarnation) {
	if life != d.life {
		return
	}
	unfenced := d.sim.cfg.Broken.unfenced()
	d.writing = slices.DeleteFunc(d.writing, func(w writing) bool { return !w.image || !unfenced })
	if !unfenced {
		clear(d.waiting)
	}
	d.loseOutput()
	for _, j := range d.journals {
		if d.sim.cfg.Broken == LostRecord && j.durable > j.before {
			j.durable--
		}
		j.records = j.records[:j.durable-j.before]
	}
}

// rewind removes the images above the ticks at which a node restarts: what it repeats may differ from them in ticks that nobody had closed.
func (d *disk) rewind(restore []frame.Tick) {
	for s := range d.images {
		if s.Tick > restore[s.Stage] {
			d.remove(s)
		}
	}
	d.unsaved = nil
}

func (d *disk) remove(s control.Saved) {
	delete(d.images, s)
	d.listed = nil
}

// saved are the images there are, in order. The list is shared with reports: nobody writes to it.
func (d *disk) saved() []control.Saved {
	if d.listed == nil {
		d.listed = d.list()
	}
	return d.listed
}

func (d *disk) list() []control.Saved {
	return slices.SortedFunc(maps.Keys(d.images), func(a, b control.Saved) int {
		return cmp.Or(cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Tick, b.Tick))
	})
}

// trim removes the images that a node will not need any more.
func (d *disk) trim(needs control.Needs, node frame.NodeID) {
	d.needs = needs
	for s := range d.images {
		if s.Tick < needs[s.Stage][node] {
			d.remove(s)
		}
	}
}

// withoutInput leaves out the newest piece of input (LostInput).
func withoutInput(records []journal.Record) []journal.Record {
	for i := len(records) - 1; i >= 0; i-- {
		if records[i].Input != nil {
			return slices.Delete(records, i, i+1)
		}
	}
	return records
}
