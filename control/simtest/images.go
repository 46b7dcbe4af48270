package simtest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/replica"
	"github.com/streamscope/streamscope/state/snapshot"
	"github.com/streamscope/streamscope/state/snapshot/peers"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// images are those of a life whose images peers keep. Its stores are never told that they have Begun, so that no call waits: that an image counts is asked of
// the Guard, as Create does.
type images struct {
	w       *worker
	stores  map[int]*peers.Store
	stages  []int // that have one, in order
	queue   []keptImage
	kept    []keptImage // in the stream
	unsaved []control.Unsaved
}

// keptImage is an image of a unit.
type keptImage struct {
	control.Saved
	bytes   []byte
	number  uint64 // of its last entry
	durable bool
}

// imagesLeft are by tick the images of a unit: those that count, or those that its newest life found.
type imagesLeft struct {
	counts, found map[frame.Tick]string
	life          frame.Incarnation // that found
}

// pieceBytes makes images of many entries.
const pieceBytes = 1 << 10

// openImages asks peers for what former lives left.
func (w *worker) openImages(a control.Assignment) {
	s := w.sim
	active := activeSets(a.Images)
	im := &images{w: w, stores: map[int]*peers.Store{}}
	room := peers.NewRoom(1 << 40) // FailImages is what a room does that is full
	for i := range s.cfg.Plan.Stages {
		if s.cfg.Plan.TasksOn(i, w.node, s.cfg.Limits.Nodes).Count == 0 {
			continue
		}
		im.stages = append(im.stages, i)
		im.stores[i] = peers.Open(peers.Config{
			Streams: w.copier.streams, Stage: i, Self: replica.Member{Node: w.node, Life: w.incarnation}, K: s.cfg.Faults.ImagePeers, Active: active[i], Living: living(a),
			PieceBytes: pieceBytes, Room: room, Patience: time.Hour, Wish: func() {}, Fail: w.fail,
		})
	}
	w.images = im
}

// here tells whether all that former lives left is.
func (im *images) here() bool {
	return im == nil || !slices.ContainsFunc(im.stages, func(i int) bool {
		select {
		case <-im.stores[i].Guard().Done():
			return false
		default:
			return true
		}
	})
}

// restore reads what the worker goes on from, and removes the images above it. R24a: what counted is there.
func (im *images) restore(a control.Assignment, r *runtime.Recovery) error {
	s, w := im.w.sim, im.w
	for _, i := range im.stages {
		store, left := im.stores[i], s.left(i, w.node)
		lost := store.Guard().Err()
		if errors.Is(lost, replica.ErrLost) {
			w.checkLost(s.stored.Images, i, lost)
		}
		if err := store.Wait(); err != nil {
			return err
		}
		names, err := store.List("")
		if err != nil {
			return err
		}
		left.life, left.found = w.incarnation, map[frame.Tick]string{}
		for _, name := range names {
			b, _, err := store.Load(name)
			if err != nil {
				return err
			}
			t, err := strconv.ParseUint(name, 10, 64)
			if err != nil {
				return err
			}
			left.found[frame.Tick(t)] = string(b)
			im.kept = append(im.kept, keptImage{Saved: control.Saved{Stage: control.StageID(i), Tick: frame.Tick(t)}, bytes: b, durable: true})
		}
		if lost != nil { // nobody has any
			if left.found = nil; a.Restore[i] > 0 {
				return lost
			}
			left.counts = map[frame.Tick]string{}
		}
		for t, b := range left.counts {
			if left.found[t] != b {
				return fmt.Errorf("R24a: the image of stage %d after tick %d counted, and is not what life %d finds", i, t, w.incarnation)
			}
		}
		s.found += len(names)
	}
	im.remove(func(k control.Saved) bool { return k.Tick > a.Restore[k.Stage] })
	return w.restore(a, r, func(stage int, t frame.Tick) ([]byte, bool) {
		for _, k := range im.kept {
			if k.Saved == (control.Saved{Stage: control.StageID(stage), Tick: t}) {
				return k.bytes, true
			}
		}
		return nil, false
	})
}

// left is what there is of a unit.
func (s *Sim) left(stage int, n frame.NodeID) *imagesLeft {
	u := control.Unit{Stage: control.StageID(stage), Node: n}
	if s.images == nil {
		s.images = map[control.Unit]*imagesLeft{}
	}
	if s.images[u] == nil {
		s.images[u] = &imagesLeft{counts: map[frame.Tick]string{}}
	}
	return s.images[u]
}

// save is runtime.Recovery.Save.
func (im *images) save(stage int, t frame.Tick, image snapshot.Image) {
	defer image.Release()
	waiting := 0
	for _, k := range slices.Concat(im.queue, im.kept) {
		waiting += b2i(int(k.Stage) == stage && !k.durable)
	}
	if waiting >= imagesWaiting {
		im.lost(stage, t, errImages)
		im.w.sim.leaveOut(control.Unit{Stage: control.StageID(stage), Node: im.w.node})
		return
	}
	b, err := image.Encode()
	if err != nil {
		im.w.sim.fail(err)
		return
	}
	im.queue = append(im.queue, keptImage{Saved: control.Saved{Stage: control.StageID(stage), Tick: t}, bytes: b})
}

// lost is runtime.Recovery.Lost.
func (im *images) lost(stage int, t frame.Tick, err error) {
	im.unsaved = append(im.unsaved, control.Unsaved{Saved: control.Saved{Stage: control.StageID(stage), Tick: t}, Reason: err.Error()})
}

// leaveOut notes, once all is calm, that a unit has left an image out, since links have not brought those before to its peers yet.
func (s *Sim) leaveOut(u control.Unit) {
	if s.calmMark == 0 {
		return
	}
	if s.leftOut == nil {
		s.leftOut = map[control.Unit]int{}
	}
	s.leftOut[u]++
}

func imageName(t frame.Tick) string { return strconv.FormatUint(uint64(t), 10) }

// step writes an image, at the seed's choosing, and sees which count.
func (im *images) step() {
	if im == nil {
		return
	}
	s, node := im.w.sim, im.w.node
	if len(im.queue) > 0 && s.steps >= s.harms[node].stall && s.rng.IntN(4) == 0 {
		k := im.queue[0]
		im.queue = im.queue[1:]
		if s.flaky() || s.steps < s.harms[node].unsaved {
			im.lost(int(k.Stage), k.Tick, peers.ErrNoRoom)
			return
		}
		store := im.stores[int(k.Stage)]
		if _, err := store.Swap(imageName(k.Tick), "", k.bytes); err != nil {
			im.w.fail(err)
			return
		}
		k.number = store.Guard().Own().Last()
		im.kept = append(im.kept, k)
	}
	for i := range im.kept {
		k := &im.kept[i]
		if !k.durable && (im.stores[int(k.Stage)].Guard().Durable() >= k.number || s.cfg.Broken == R24a) {
			k.durable = true
			s.counts(im.w, k)
		}
	}
}

// counts notes that an image does. R24a: of a life that was overtaken none does that the next one has not found.
func (s *Sim) counts(w *worker, k *keptImage) {
	left := s.left(int(k.Stage), w.node)
	switch {
	case left.life <= w.incarnation:
		left.counts[k.Tick] = string(k.bytes)
	case left.found != nil && left.found[k.Tick] != string(k.bytes):
		s.fail(fmt.Errorf("R24a: an image of stage %d after tick %d counts for life %d of node %d, and life %d has not found it", k.Stage, k.Tick, w.incarnation, w.node, left.life))
	}
}

// remove deletes images.
func (im *images) remove(useless func(control.Saved) bool) {
	im.kept = slices.DeleteFunc(im.kept, func(k keptImage) bool {
		if !useless(k.Saved) {
			return false
		}
		if left := im.w.sim.left(int(k.Stage), im.w.node); left.life <= im.w.incarnation {
			delete(left.counts, k.Tick)
		}
		if err := im.stores[int(k.Stage)].Delete(imageName(k.Tick)); err != nil {
			im.w.fail(err)
		}
		return true
	})
}

func (im *images) trim(needs control.Needs) {
	if im != nil {
		im.remove(func(k control.Saved) bool { return k.Tick < needs[k.Stage][im.w.node] })
	}
}

// saved are those that count.
func (im *images) saved() (all []control.Saved) {
	for _, k := range im.kept {
		if k.durable {
			all = append(all, k.Saved)
		}
	}
	return all
}

// linked says which peers there are.
func (im *images) linked() {
	if im == nil {
		return
	}
	for _, i := range im.stages {
		im.stores[i].Guard().Living(im.w.copier.streams.Linked())
	}
}

// hasteOfClocks is how much sooner than by package peers a member is slow here, where all lasts a few milliseconds.
const hasteOfClocks = 1000

// wish tells the manager which sets are to be activated.
func (im *images) wish() {
	if im == nil {
		return
	}
	for _, i := range im.stages {
		g := im.stores[i].Guard()
		g.Clock((im.w.sim.now - startNs) * hasteOfClocks)
		if set, ok := g.Wanted(); ok {
			im.w.tell(control.Activate{From: im.w.from(), Stage: control.StageID(i), Images: true, Set: controlSet(set)})
		}
	}
}

func (im *images) close() {
	if im == nil {
		return
	}
	for _, i := range im.stages {
		_ = im.stores[i].Close() // there is nothing that could go wrong
	}
}
