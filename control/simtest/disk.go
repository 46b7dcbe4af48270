package simtest

import (
	"cmp"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/journal"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// disk is what survives the processes of a node: journals and images, as far as they were made durable, which happens at steps of the seed's
// choosing.
type disk struct {
	journals map[int]*diskJournal
	images   map[control.Saved][]byte
	writing  []func() // images, and answers of outputs, on their way
	unsaved  []control.Unsaved
	flaky    func() bool // whether what is being written fails
}

func newDisk(flaky func() bool) *disk {
	return &disk{journals: map[int]*diskJournal{}, images: map[control.Saved][]byte{}, flaky: flaky}
}

// diskJournal is a runtime.Journal whose records become durable later.
type diskJournal struct {
	records []journal.Record
	before  uint64 // records that were trimmed
	durable uint64
	changed func()
}

func (j *diskJournal) Append(r journal.Record) (uint64, error) {
	r.Runs = slices.Clone(r.Runs)
	j.records = append(j.records, r)
	return j.last(), nil
}

func (j *diskJournal) last() uint64    { return j.before + uint64(len(j.records)) }
func (j *diskJournal) Durable() uint64 { return j.durable }
func (j *diskJournal) Close() error    { return nil }

// Trim removes the records at the front that nobody needs.
func (j *diskJournal) Trim(t frame.Tick) {
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
		j = &diskJournal{}
		d.journals[stage] = j
	}
	j.changed = changed
	return j, slices.Clone(j.records), nil
}

// save is runtime.Recovery.Save.
func (d *disk) save(stage int, t frame.Tick, image []byte) {
	s := control.Saved{Stage: control.StageID(stage), Tick: t}
	d.later(func() {
		if d.flaky() {
			d.unsaved = append(d.unsaved, control.Unsaved{Saved: s, Reason: "the disk is full"})
			return
		}
		d.images[s] = image
	})
}

// later makes an output durable at some step.
func (d *disk) later(answer func()) { d.writing = append(d.writing, answer) }

// step makes something durable.
func (d *disk) step(rng *rand.Rand) {
	for _, i := range slices.Sorted(maps.Keys(d.journals)) { // equal seeds give equal runs
		if j := d.journals[i]; j.last() > j.durable && rng.IntN(2) == 0 && !d.flaky() {
			j.durable += 1 + rng.Uint64N(j.last()-j.durable)
			j.changed()
		}
	}
	if len(d.writing) > 0 && rng.IntN(2) == 0 {
		done := d.writing[0]
		d.writing = d.writing[1:]
		done()
	}
}

// crash loses what is not durable.
func (d *disk) crash() {
	d.writing = nil
	for _, j := range d.journals {
		j.records = j.records[:j.durable-j.before]
	}
}

// rewind removes the images above the ticks at which a node restarts: what it repeats may differ from them in ticks that nobody had closed.
func (d *disk) rewind(restore []frame.Tick) {
	for s := range d.images {
		if s.Tick > restore[s.Stage] {
			delete(d.images, s)
		}
	}
	d.unsaved = nil
}

// saved are the images there are, in order.
func (d *disk) saved() []control.Saved {
	return slices.SortedFunc(maps.Keys(d.images), func(a, b control.Saved) int {
		return cmp.Or(cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Tick, b.Tick))
	})
}

// trim removes the images that a node will not need any more.
func (d *disk) trim(needs control.Needs, node frame.NodeID) {
	for s := range d.images {
		if s.Tick < needs[s.Stage][node] {
			delete(d.images, s)
		}
	}
}
