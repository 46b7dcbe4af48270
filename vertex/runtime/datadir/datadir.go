package datadir

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/journal"
	"github.com/streamscope/streamscope/state/snapshot"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// Config says whose past it is.
type Config struct {
	Dir         string
	Job         uint64
	Plan        *runtime.Plan
	Node        frame.NodeID
	Nodes       int
	Incarnation frame.Incarnation
	// Needs are by stage and node what was told before this life: nobody asks below. A journal must reach as far as others have come; nil: nothing is known.
	Needs [][]frame.Tick
	// Store holds the images, and is closed with the Dir, perhaps twice: its Close makes calls under way fail. nil: they lie in Dir.
	Store Store
	// Warn is told what could not be written yet. It must not block, and may be nil.
	Warn func(error)
}

// Saved are the images of a worker that count.
type Saved struct {
	Stage int
	Tick  frame.Tick
	// Err, if set, is why the image could not be saved.
	Err error
}

// UnreadableError says that an image cannot be restored.
type UnreadableError struct {
	Stage int
	Tick  frame.Tick
	Err   error
}

func (e *UnreadableError) Error() string {
	return fmt.Sprintf("image of stage %d after tick %d: %v", e.Stage, e.Tick, e.Err)
}
func (e *UnreadableError) Unwrap() error { return e.Err }

// Store is a store of images that can be closed.
type Store interface {
	snapshot.Store
	io.Closer
}

// writeQueue is how many images wait to be written, beyond one of each unit, before one is left out.
const writeQueue = 2

// writeRetry is how an image that cannot be written is tried again while it is alive: five times, as pauses double.
var writeRetry = snapshot.Retry{Pause: 100 * time.Millisecond, For: 5 * time.Second}

// unreadable tells an image that cannot be restored from a store that does not answer, or one far away that refuses: its images may be as good as
// ever.
func (cfg *Config) unreadable(stage int, tick frame.Tick, err error) error {
	told := cfg.Store == nil || errors.Is(err, snapshot.ErrDamaged) || errors.Is(err, snapshot.ErrNotFound)
	if !told || errors.Is(err, snapshot.ErrUnavailable) {
		return fmt.Errorf("image of stage %d after tick %d: %w", stage, tick, err)
	}
	return &UnreadableError{stage, tick, err}
}

// unitQueue is how many images of a unit are alive at a time: what changes while they wait takes twice its memory.
const unitQueue = 2

// fullEvery bounds the files that a restore reads.
const fullEvery = 8

// closePatience is how long Close waits for images on their way to a Config.Store.
const closePatience = time.Second

// Dir is a worker's part of a data directory.
type Dir struct {
	cfg     Config
	restore []frame.Tick
	held    keeping
	store   Store
	writer  *snapshot.Writer
	loaded  []*snapshot.Loaded // until the worker stands
	mu      struct {
		sync.Mutex
		units map[int]*unit // by stage
	}
}

// unit is the images of the tasks of a stage on this node.
type unit struct {
	task  frame.TaskID
	chain *snapshot.Chain // used by the writer's goroutine alone, once it runs
	ticks []frame.Tick    // that count, rising
	need  frame.Tick
	err   *Saved // the newest that could not be saved
	alive int    // images that are not written, and wait
}

// Open prepares the directory for a life of a node whose units restart at given ticks, by stage. Errors may be *UnreadableError.
func Open(cfg Config, restore []frame.Tick) (*Dir, *runtime.Recovery, error) {
	if len(restore) != len(cfg.Plan.Stages) {
		return nil, nil, fmt.Errorf("%d ticks to restore, want %d", len(restore), len(cfg.Plan.Stages))
	}
	if cfg.Needs != nil && len(cfg.Needs) != len(restore) {
		return nil, nil, fmt.Errorf("needs of %d stages, want %d", len(cfg.Needs), len(restore))
	}
	store, err := cfg.store()
	if err != nil {
		return nil, nil, err
	}
	d := &Dir{cfg: cfg, restore: restore, store: store}
	d.mu.units = map[int]*unit{}
	r := &runtime.Recovery{Journal: d.journal, Loaded: d.restored, Image: d.image, Save: d.save, Lost: d.lost, Images: make([]*runtime.Image, len(restore))}
	for stage, tick := range restore {
		tasks := cfg.Plan.TasksOn(stage, cfg.Node, cfg.Nodes)
		if tasks.Count == 0 {
			continue
		}
		if r.Images[stage], err = d.load(stage, tick); err == nil {
			d.mu.units[stage], err = d.openUnit(tasks.First, tick)
		}
		if err == nil {
			d.held.images(stage, d.mu.units[stage].chain.Snapshots())
		}
		if err != nil {
			return nil, nil, errors.Join(err, d.restored(), store.Close())
		}
	}
	d.writer = snapshot.NewWriter(len(d.mu.units)+writeQueue, writeRetry)
	return d, r, nil
}

func (cfg *Config) store() (Store, error) {
	if cfg.Store != nil {
		return cfg.Store, nil
	}
	return snapshot.OpenDir(filepath.Join(cfg.Dir, "snapshots"))
}

// load reads the image of a stage after a tick; nil at the beginning. Its parts are read later, see restored.
func (d *Dir) load(stage int, tick frame.Tick) (*runtime.Image, error) {
	if tick == 0 {
		return nil, nil
	}
	im, l, err := d.read(stage, tick)
	if l != nil {
		d.loaded = append(d.loaded, l)
	}
	return im, err
}

// image is runtime.Recovery.Image.
func (d *Dir) image(stage int, tick frame.Tick) (*runtime.Image, func() error, error) {
	im, l, err := d.read(stage, tick)
	if l == nil {
		return nil, nil, err
	}
	if err != nil {
		return nil, nil, errors.Join(err, l.Close())
	}
	return im, l.Close, nil
}

// read reads an image, of which the parts are read until loaded is closed; that is nil if there is none.
func (d *Dir) read(stage int, tick frame.Tick) (im *runtime.Image, loaded *snapshot.Loaded, err error) {
	tasks := d.cfg.Plan.TasksOn(stage, d.cfg.Node, d.cfg.Nodes)
	l, err := snapshot.Load(d.store, snapshot.JobID(d.cfg.Job), tasks.First, tick)
	if other, twice := d.cfg.Plan.Other(stage); err != nil && twice {
		n, _ := d.cfg.Plan.OtherOn(stage, d.cfg.Node, d.cfg.Nodes)
		of, otherErr := snapshot.Load(d.store, snapshot.JobID(d.cfg.Job), d.cfg.Plan.TasksOn(other, n, d.cfg.Nodes).First, tick)
		if otherErr == nil {
			l, err = of, nil
		}
	}
	if err != nil {
		return nil, nil, d.cfg.unreadable(stage, tick, err)
	}
	for i := range l.Parts {
		read := l.Parts[i].Read
		l.Parts[i].Read = func(pages [][]byte) error {
			if err := read(pages); err != nil {
				return d.cfg.unreadable(stage, tick, err)
			}
			return nil
		}
	}
	im, err = d.cfg.Plan.ParseImage(stage, tasks, l.Extra, l.Parts)
	if err == nil && im.Tick != tick {
		err = fmt.Errorf("it says that it is after tick %d", im.Tick)
	}
	if err != nil {
		return nil, l, &UnreadableError{stage, tick, err}
	}
	return im, l, nil
}

// restored is runtime.Recovery.Loaded.
func (d *Dir) restored() error {
	var errs []error
	for _, l := range d.loaded {
		errs = append(errs, l.Close())
	}
	d.loaded = nil
	return errors.Join(errs...)
}

// openUnit opens the images of a unit for writing, and removes those above its restore tick.
func (d *Dir) openUnit(task frame.TaskID, restore frame.Tick) (*unit, error) {
	c, err := snapshot.OpenChain(d.chainConfig(task))
	if err != nil {
		return nil, err
	}
	if err := c.Rewind(restore); err != nil {
		return nil, err
	}
	return &unit{task: task, chain: c, ticks: ticksOf(c)}, nil
}

func (d *Dir) chainConfig(task frame.TaskID) snapshot.Config {
	return snapshot.Config{Store: d.store, Job: snapshot.JobID(d.cfg.Job), Task: task, FullEvery: fullEvery}
}

func ticksOf(c *snapshot.Chain) []frame.Tick {
	var ticks []frame.Tick
	for _, e := range c.Snapshots() {
		ticks = append(ticks, e.Tick)
	}
	return ticks
}

// save is runtime.Recovery.Save.
func (d *Dir) save(stage int, t frame.Tick, image snapshot.Image) {
	u, ok := d.admit(stage)
	if !ok {
		image.Release()
		d.note(stage, u, t, snapshot.ErrBusy)
		return
	}
	begun := time.Now()
	err := d.writer.Submit(snapshot.Work{
		Chain: u.chain, Tick: t, Image: image,
		Failed: func(err error) { d.note(stage, u, t, err) },
		Done: func(e snapshot.Entry, err error) {
			if err == nil {
				d.held.wrote(e, begun)
			}
			d.saved(stage, u, t, err)
		},
	})
	if err != nil {
		d.done(u)
		d.note(stage, u, t, err)
	}
}

// admit takes one more image of a unit, if it has room.
func (d *Dir) admit(stage int) (u *unit, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	u = d.mu.units[stage]
	if u.alive == unitQueue {
		return u, false
	}
	u.alive++
	return u, true
}

func (d *Dir) done(u *unit) {
	d.mu.Lock()
	u.alive--
	d.mu.Unlock()
}

// lost is runtime.Recovery.Lost.
func (d *Dir) lost(stage int, t frame.Tick, err error) {
	d.mu.Lock()
	u := d.mu.units[stage]
	d.mu.Unlock()
	d.note(stage, u, t, err)
}

// saved runs in the writer's goroutine, to whom the chain belongs.
func (d *Dir) saved(stage int, u *unit, t frame.Tick, err error) {
	d.mu.Lock()
	need := u.need
	u.alive--
	d.mu.Unlock()
	trimErr := u.chain.Trim(need)
	if err != nil || trimErr != nil {
		_ = u.chain.Reload() // if it fails, the next image says so
	}
	if trimErr != nil && d.cfg.Warn != nil {
		d.cfg.Warn(fmt.Errorf("images of stage %s: %w", d.cfg.Plan.Stages[stage].Name, trimErr))
	}
	d.held.images(stage, u.chain.Snapshots())
	d.note(stage, u, t, err)
}

// note remembers what became of an image.
func (d *Dir) note(stage int, u *unit, t frame.Tick, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		u.ticks, u.err = ticksOf(u.chain), nil
		return
	}
	told := u.err != nil && u.err.Tick == t // it is tried again, for seconds
	u.err = &Saved{stage, t, err}
	if d.cfg.Warn != nil && !told {
		d.cfg.Warn(fmt.Errorf("image of stage %s after tick %d: %w", d.cfg.Plan.Stages[stage].Name, t, err))
	}
}

// journal is runtime.Recovery.Journal.
func (d *Dir) journal(stage int, changed func()) (runtime.Journal, []journal.Record, error) {
	j, records, err := journal.Open(journal.Config{
		Dir: filepath.Join(d.cfg.Dir, "journal", fmt.Sprintf("%d-%d", stage, d.cfg.Node)), Job: d.cfg.Job, Stage: stage, Node: d.cfg.Node,
		Incarnation: d.cfg.Incarnation, Changed: changed, Warn: d.cfg.Warn,
		Found: func(records []journal.Record) error { return d.whole(stage, records) },
	})
	if err != nil {
		return nil, nil, err
	}
	d.held.journal(stage, j)
	return j, records, nil
}

// Saved lists the images that count, and for each stage the newest that could not be saved.
func (d *Dir) Saved() []Saved {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []Saved
	for _, stage := range slices.Sorted(maps.Keys(d.mu.units)) {
		u := d.mu.units[stage]
		for _, t := range u.ticks {
			all = append(all, Saved{Stage: stage, Tick: t})
		}
		if u.err != nil {
			all = append(all, *u.err)
		}
	}
	return all
}

// Trim says, by stage and node, what nobody will restore any more. Files go when the next image is saved.
func (d *Dir) Trim(needs [][]frame.Tick) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for stage, u := range d.mu.units {
		if stage < len(needs) && int(d.cfg.Node) < len(needs[stage]) {
			u.need = max(u.need, needs[stage][d.cfg.Node])
		}
	}
}

// Streams is the store of images, where what edges carried may lie too. It is closed with the Dir.
func (d *Dir) Streams() snapshot.Store { return d.store }

// Hurry gives who uses the store as long as Close gives the images: calls of one that is far away, and may not answer for long, then fail. The function that is
// returned ends that, unless it has happened.
func (d *Dir) Hurry() (end func()) {
	if d.cfg.Store == nil {
		return func() {}
	}
	t := time.AfterFunc(closePatience, func() { _ = d.cfg.Store.Close() })
	return func() { t.Stop() }
}

// Close waits for the images that are being written. The worker has been closed before; the memory of its state has not.
func (d *Dir) Close() error {
	defer d.Hurry()()
	d.writer.Close()
	return errors.Join(d.restored(), d.store.Close())
}
