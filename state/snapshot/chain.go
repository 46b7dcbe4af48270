package snapshot

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/state"
)

// Config says whose snapshots a Chain keeps, and where.
type Config struct {
	Store Store
	Job   JobID
	Task  frame.TaskID
	// FullEvery is the most files that a restore reads: every so many snapshots one is full. 0 means 8.
	FullEvery int
}

const fullEveryDefault = 8

// Folder is how the names of the task's objects begin.
func (cfg *Config) Folder() string { return folder(cfg.Job, cfg.Task) }

// Chain keeps the snapshots of one task. One goroutine at a time uses it; one process at a time writes: opening it again elsewhere fences it.
type Chain struct {
	Config
	manifest manifest
	version  Version
	failed   error   // what left it unknown what the store holds
	tried    []Entry // by the commit that failed

	last  map[uint64]lastPart // parts as the newest snapshot has them; empty: the next file is full
	since int                 // files since the last full one, that one counted
}

type lastPart struct {
	link state.Link
	sums *partSums
}

// OpenChain opens the snapshots of a task for writing: it fences whoever had them before, and deletes files that never came to count.
// Errors: ErrConflict if another opens them at the same time; ErrDamaged, of the manifest; those of the store.
func OpenChain(cfg Config) (*Chain, error) {
	if cfg.FullEvery == 0 {
		cfg.FullEvery = fullEveryDefault
	}
	if cfg.FullEvery < 1 || cfg.FullEvery > maxChain {
		return nil, fmt.Errorf("snapshots: full every %d, want 1 to %d", cfg.FullEvery, maxChain)
	}
	c := &Chain{Config: cfg, manifest: manifest{Version: manifestVersion, Job: cfg.Job, Task: cfg.Task}}
	m, version, err := readManifest(cfg.Store, cfg.Job, cfg.Task)
	switch {
	case err == nil:
		c.manifest, c.version = *m, version
	case !errors.Is(err, ErrNotFound):
		return nil, err
	}
	// The swap comes before the sweep: a writer that is still at work would name a file that is gone.
	if err := c.commit(c.manifest.Snapshots); err != nil {
		return nil, err
	}
	return c, c.sweep()
}

// Reload makes a chain usable again after an error that left unknown what the store holds: it finds out whether that happened. It fences nobody; the
// error is ErrConflict if another has opened the chain since, or one of the store. The next file is full.
func (c *Chain) Reload() error {
	if c.failed == nil {
		return nil
	}
	m, version, err := readManifest(c.Store, c.Job, c.Task)
	if err != nil {
		return err
	}
	done := m.Generation == c.manifest.Generation+1 && slices.Equal(m.Snapshots, c.tried)
	if m.Generation != c.manifest.Generation && !done {
		return fmt.Errorf("snapshots of job %016x task %d: commit %d is another's, the last of this one was %d: %w", c.Job, c.Task, m.Generation, c.manifest.Generation, ErrConflict)
	}
	c.manifest, c.version, c.failed, c.last = *m, version, nil, nil
	return nil
}

func readManifest(s Store, job JobID, task frame.TaskID) (*manifest, Version, error) {
	name := folder(job, task) + manifestName
	b, version, err := s.Load(name)
	if err != nil {
		return nil, "", err
	}
	m, err := decodeManifest(b)
	if err == nil && (m.Job != job || m.Task != task) {
		err = fmt.Errorf("manifest of job %016x task %d, want job %016x task %d", m.Job, m.Task, job, task)
	}
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", name, err)
	}
	return m, version, nil
}

// Snapshots lists what exists, by tick.
func (c *Chain) Snapshots() []Entry { return slices.Clone(c.manifest.Snapshots) }

// commit makes a list of snapshots the one that counts. If it fails it may have happened: see Reload.
func (c *Chain) commit(snapshots []Entry) error {
	if c.failed != nil {
		return c.failed
	}
	m := c.manifest
	m.Snapshots, m.Generation = snapshots, m.Generation+1
	b, err := m.encode()
	if err != nil {
		return err
	}
	version, err := c.Store.Swap(folder(c.Job, c.Task)+manifestName, c.version, b)
	if err != nil {
		c.failed, c.tried = fmt.Errorf("snapshots of job %016x task %d must be read again: %w", c.Job, c.Task, err), snapshots
		return c.failed
	}
	c.manifest, c.version = m, version
	return nil
}

func (c *Chain) sweep() error {
	names, err := c.Store.List(folder(c.Job, c.Task))
	if err != nil {
		return err
	}
	keep := map[string]bool{folder(c.Job, c.Task) + manifestName: true}
	for _, e := range c.manifest.Snapshots {
		keep[folder(c.Job, c.Task)+e.File] = true
	}
	for _, n := range names {
		if !keep[n] {
			err = errors.Join(err, c.Store.Delete(n))
		}
	}
	return err
}

// Write stores a snapshot of a tick and makes it exist. It does not release the image. A tick that exists is not
// written again: pages of one state may lie otherwise in another life. After an error the snapshot does not exist, or every later call fails until Reload; the snapshots of
// before are as they were.
func (c *Chain) Write(tick frame.Tick, im *Image) (Entry, error) {
	if c.failed != nil {
		return Entry{}, c.failed
	}
	if err := im.valid(); err != nil {
		return Entry{}, err
	}
	if n := len(c.manifest.Snapshots); n > 0 && c.manifest.Snapshots[n-1].Tick >= tick {
		e, ok := c.manifest.find(tick)
		if !ok {
			return Entry{}, fmt.Errorf("snapshot of tick %d: newer ones exist, and none of it", tick)
		}
		return e, nil
	} else if n == MaxSnapshots {
		return Entry{}, fmt.Errorf("snapshot of tick %d: %d snapshots are kept already", tick, n)
	}
	h := header{Job: c.Job, Task: c.Task, Tick: tick}
	base := c.base(im)
	if base != nil {
		h.Increment, h.Base = true, c.manifest.Snapshots[len(c.manifest.Snapshots)-1].Tick
	}
	e, sums, err := c.store(h, im, base)
	if err == nil {
		err = c.commit(append(slices.Clip(c.manifest.Snapshots), e))
	}
	if err != nil {
		return Entry{}, fmt.Errorf("snapshot of job %016x task %d at tick %d: %w", c.Job, c.Task, tick, err)
	}
	c.wrote(im, sums, e.Full)
	return e, nil
}

// base are the sums of the parts that can be written as increments; nil: the file must be full.
func (c *Chain) base(im *Image) map[uint64]*partSums {
	if c.since >= c.FullEvery || len(c.last) == 0 {
		return nil
	}
	base := map[uint64]*partSums{}
	for _, p := range im.Parts {
		link := p.Frozen.Link()
		link.Number--
		if last, ok := c.last[p.ID]; ok && last.link == link {
			base[p.ID] = last.sums
		}
	}
	if len(base) == 0 {
		return nil
	}
	return base
}

func (c *Chain) wrote(im *Image, sums []*partSums, full bool) {
	c.last = map[uint64]lastPart{}
	for i, p := range im.Parts {
		c.last[p.ID] = lastPart{p.Frozen.Link(), sums[i]}
	}
	if full {
		c.since = 0
	}
	c.since++
}

// store writes a file and reads it back.
func (c *Chain) store(h header, im *Image, base map[uint64]*partSums) (Entry, []*partSums, error) {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	e := Entry{Tick: h.Tick, Base: h.Base, Full: !h.Increment, File: fmt.Sprintf("%016x-%s%s", uint64(h.Tick), hex.EncodeToString(random[:]), fileSuffix)}
	name := folder(c.Job, c.Task) + e.File
	var sums []*partSums
	var f footer
	err := c.Store.Create(name, func(w io.Writer) (err error) {
		sums, f, err = encodeFile(bufio.NewWriterSize(w, fileBufferBytes), h, im, base)
		return err
	})
	if err != nil {
		return Entry{}, nil, err
	}
	e.Bytes, e.Sum, e.Hash = int64(f.size), f.sum, f.hash
	if err := readBack(c.Store, name, f); err != nil {
		return Entry{}, nil, errors.Join(fmt.Errorf("read back: %w", err), c.Store.Delete(name))
	}
	return e, sums, nil
}

func readBack(s Store, name string, want footer) error {
	o, err := s.Open(name)
	if err != nil {
		return err
	}
	f, err := scan(o)
	if err == nil && f.footer != want {
		err = damaged("footer %+v, want %+v", f.footer, want)
	}
	if err = errors.Join(err, o.Close()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Rewind deletes the snapshots above a tick: those of a life that went further than the tick at which the task restarts. What it repeats may
// differ from them in what nobody had closed.
func (c *Chain) Rewind(to frame.Tick) error {
	if c.failed != nil {
		return c.failed
	}
	n := len(c.manifest.Snapshots)
	for n > 0 && c.manifest.Snapshots[n-1].Tick > to {
		n--
	}
	if n == len(c.manifest.Snapshots) {
		return nil
	}
	c.last = nil
	if err := c.commit(slices.Clone(c.manifest.Snapshots[:n])); err != nil {
		return err
	}
	return c.sweep()
}

// Trim deletes the snapshots below a tick, but for the two newest and those that others need.
func (c *Chain) Trim(from frame.Tick) error {
	if c.failed != nil {
		return c.failed
	}
	kept, err := c.manifest.trimmed(from)
	if err != nil || len(kept) == len(c.manifest.Snapshots) {
		return err
	}
	if err := c.commit(kept); err != nil {
		return err
	}
	return c.sweep()
}
