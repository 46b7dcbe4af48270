package images

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/state/extent"
	"github.com/streamscope/streamscope/state/snapshot"
)

// shape is how much there is.
type shape struct {
	joins     int
	joinBytes int
	scattered int // bytes of the state that changes at random
	turnover  int // an interval changes one of so many rows
	keys      int // of a join, that rows come of at a time
}

const (
	job       = 1
	fullEvery = 200 // beyond what is measured: increments are
	// headroom is for copies of what changes while an image is written, and for what is restored.
	headroom = 3
)

// session is the states and their images.
type session struct {
	shape
	env       measure.Env
	dir       string
	store     *snapshot.Dir
	arena     *extent.Arena
	joins     []*join
	scattered *join
	kept      chain // of the joins
	random    chain // of the scattered state
}

func open(s shape) func(context.Context, measure.Env) (measure.Session, error) {
	return func(_ context.Context, env measure.Env) (measure.Session, error) {
		x := &session{shape: s, env: env, arena: extent.NewArena(headroom * int64(s.joins*s.joinBytes+s.scattered))}
		if err := x.open(); err != nil {
			return nil, errors.Join(err, x.Close())
		}
		return x, nil
	}
}

func (s *session) open() (err error) {
	if s.dir, err = os.MkdirTemp("", "streamscope-bench-"); err != nil {
		return err
	}
	if s.store, err = snapshot.OpenDir(s.dir); err != nil {
		return err
	}
	s.env.Say("filling %d MiB of state", (s.joinedBytes()+s.shape.scattered)>>20)
	if err := s.fill(); err != nil {
		return err
	}
	s.env.Say("writing it in full to %s", s.dir)
	if s.kept, err = openChain(s.store, 0, s.joins); err != nil {
		return err
	}
	if s.random, err = openChain(s.store, 1, []*join{s.scattered}); err != nil {
		return err
	}
	for _, c := range []*chain{&s.kept, &s.random} {
		if _, err := c.take(); err != nil {
			return err
		}
	}
	if _, _, err := s.intervalWithImage(); err != nil { // memory for copies is new
		return err
	}
	_, err = s.kept.take()
	return err
}

// joinedBytes are the bytes of all joins together.
func (s *session) joinedBytes() int { return s.shape.joins * s.joinBytes }

// fill makes the states, each in a goroutine of its own.
func (s *session) fill() error {
	var wg sync.WaitGroup
	errs := make([]error, s.shape.joins+1)
	all := make([]*join, len(errs))
	for i := range all {
		bytes := s.joinBytes
		if i == s.shape.joins {
			bytes = s.shape.scattered
		}
		j, err := newJoin(s.arena, uint64(i)<<40, s.keys)
		if err != nil {
			return err
		}
		all[i] = j
		wg.Go(func() { errs[i] = j.grow(bytes) })
	}
	wg.Wait()
	s.joins, s.scattered = all[:s.shape.joins], all[s.shape.joins]
	return errors.Join(errs...)
}

// interval takes the rows of an interval in all joins, in turn.
func (s *session) interval() (time.Duration, error) {
	begun := time.Now()
	for n := s.joins[0].horizon / int64(s.turnover); n > 0; n -= expireRow {
		for _, j := range s.joins {
			if err := j.advance(expireRow); err != nil {
				return 0, err
			}
		}
	}
	return time.Since(begun), nil
}

// chain keeps the images of states.
type chain struct {
	*snapshot.Chain
	of   []*join
	tick frame.Tick
}

func openChain(store snapshot.Store, task frame.TaskID, of []*join) (chain, error) {
	c, err := snapshot.OpenChain(snapshot.Config{Store: store, Job: job, Task: task, FullEvery: fullEvery})
	return chain{Chain: c, of: of}, err
}

// taken is what an image cost.
type taken struct {
	pause   time.Duration // of whoever owns the states
	writing time.Duration
	bytes   int64
	dirty   float64 // share of the pages
	err     error
}

// take freezes the states and writes what changed.
func (c *chain) take() (taken, error) {
	im, t := c.freeze()
	if t.err == nil {
		t = c.write(im, t)
	}
	return t, t.err
}

func (c *chain) freeze() (im snapshot.Image, t taken) {
	begun := time.Now()
	for i, j := range c.of {
		f, err := j.rows.Freeze()
		if err != nil {
			t.err = err
			im.Release()
			return im, t
		}
		im.Parts = append(im.Parts, state.Part{ID: uint64(i), Frozen: f})
	}
	t.pause = time.Since(begun)
	return im, t
}

// write writes and releases an image. Its goroutine has the chain meanwhile.
func (c *chain) write(im snapshot.Image, t taken) taken {
	var dirty, pages float64
	for _, p := range im.Parts {
		dirty += float64(p.Frozen.Dirty().GetCardinality())
		pages += float64(p.Frozen.Pages())
	}
	begun := time.Now()
	c.tick++
	e, err := c.Write(c.tick, &im)
	im.Release()
	t.writing, t.bytes, t.dirty, t.err = time.Since(begun), e.Bytes, dirty/pages, err
	return t
}

// Measure implements measure.Session.
func (s *session) Measure(ctx context.Context, _ time.Duration) (measure.Sample, error) {
	without, err := s.interval()
	if err != nil {
		return measure.Sample{}, err
	}
	with, image, err := s.intervalWithImage()
	if err == nil {
		_, err = s.kept.take() // so that the next image has one interval in it, too
	}
	if err != nil {
		return measure.Sample{}, err
	}
	s.scattered.scatter(s.shape.scattered / (1 << 10)) // 16 in each page
	scattered, err := s.random.take()
	if err != nil {
		return measure.Sample{}, err
	}
	restored, took, err := s.restore()
	if err = errors.Join(err, ctx.Err()); err != nil {
		return measure.Sample{}, err
	}
	touched, err := s.firstTouch(int(restored))
	if err != nil {
		return measure.Sample{}, err
	}
	gib := float64(s.joinedBytes()) / (1 << 30)
	return measure.Sample{Value: with.Seconds(), Ratios: measure.Ratios{
		"kept": without.Seconds() / with.Seconds(), "without_s": without.Seconds(),
		"pause_ms": 1e3 * image.pause.Seconds(), "pause_ms_per_gib": 1e3 * image.pause.Seconds() / gib,
		"dirty_share": image.dirty, "dirty_share_per_10s": 10 * image.dirty / without.Seconds(), "written_bytes": float64(image.bytes), "written_of_state": float64(image.bytes) / float64(s.stateBytes()),
		"written_of_dirty": float64(image.bytes) / (image.dirty * float64(s.stateBytes())), "writing_s": image.writing.Seconds(),
		"random_dirty_share": scattered.dirty, "random_written_bytes": float64(scattered.bytes), "random_pause_ms": 1e3 * scattered.pause.Seconds(),
		"random_writing_s":    scattered.writing.Seconds(),
		"restore_bytes_per_s": restored / took.Seconds(), "restored_bytes": restored, "first_touch_bytes_per_s": restored / touched.Seconds(),
	}}, nil
}

func (s *session) stateBytes() (n int) {
	for _, j := range s.joins {
		n += j.rows.Bytes()
	}
	return n
}

// intervalWithImage is interval, with an image taken at its beginning and written meanwhile.
func (s *session) intervalWithImage() (time.Duration, taken, error) {
	im, t := s.kept.freeze()
	if t.err != nil {
		return 0, t, t.err
	}
	done := make(chan taken)
	go func() { done <- s.kept.write(im, t) }()
	took, err := s.interval()
	t = <-done
	return took + t.pause, t, errors.Join(err, t.err)
}

// restore makes the scattered state anew from its newest image.
func (s *session) restore() (bytes float64, took time.Duration, err error) {
	pages := s.arena.NewPages()
	defer pages.Close()
	begun := time.Now()
	l, err := snapshot.Load(s.store, job, 1, s.random.tick)
	if err != nil {
		return 0, 0, err
	}
	rows, err := state.NewMultimap(pages, shapes...)
	if err == nil {
		err = rows.ThawPages(l.Parts[0].Head, l.Parts[0].Read)
	}
	took = time.Since(begun)
	if err = errors.Join(err, l.Close()); err != nil {
		return 0, 0, err
	}
	for side := range shapes {
		if got, want := rows.Rows(side), s.scattered.rows.Rows(side); got != want {
			return 0, 0, fmt.Errorf("restored %d rows on side %d, want %d", got, side, want)
		}
	}
	return float64(rows.Bytes()), took, nil
}

// firstTouch is how long new pages of so many bytes take to be there: the part of a restore that is the kernel's, and the host's of a virtual machine.
func (s *session) firstTouch(bytes int) (time.Duration, error) {
	pages := s.arena.NewPages()
	defer pages.Close()
	begun := time.Now()
	for ; bytes > 0; bytes -= state.PageLarge {
		p := pages.Alloc(state.PageLarge)
		if p == nil {
			return 0, state.ErrFull
		}
		for at := 0; at < len(p); at += 4 << 10 {
			p[at] = 1
		}
	}
	return time.Since(begun), nil
}

// Close gives memory and disk back.
func (s *session) Close() error {
	for _, j := range append(s.joins, s.scattered) {
		if j != nil {
			j.pages.Close()
		}
	}
	var err error
	if s.store != nil {
		err = s.store.Close()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}
