package simtest

import (
	"cmp"
	"errors"
	"slices"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// harm is what a node suffers from, up to which step.
type harm struct {
	away, slow, stall, unsaved int
	full, tight, lag           int
	lagging                    int            // the stage that lags
	rotten                     bool           // bits have flipped in logs of a life of it
	damaged                    map[laneTo]int // over how many connections more what was sent damaged may come
	skewNs                     int64
	cut                        []int // by node: from this one to it
}

// injectDue lets the faults of this step happen.
func (s *Sim) injectDue() {
	for len(s.faults) > 0 && s.faults[0].Step <= s.steps && s.outcome == nil {
		f := s.faults[0]
		s.faults = s.faults[1:]
		if s.inject(f) {
			s.happened[f.Kind]++
		}
	}
	for i := range s.workers {
		if w := s.workers[i]; len(w.unheard) > 0 && !s.away(w.node) {
			unheard := w.unheard
			w.unheard = nil
			for _, ev := range unheard {
				w.reach(ev)
			}
		}
		s.tighten(s.workers[i])
		if w := s.workers[i]; w.doomed && !s.away(w.node) {
			s.crash(w, "killed by the manager, late")
		}
	}
	for _, z := range slices.Clone(s.zombies) {
		if s.steps >= z.until {
			s.bury(z)
		}
	}
}

// inject reports whether there was something that the fault could hit.
func (s *Sim) inject(f Fault) bool {
	h, until := &s.harms[f.Node], s.steps+f.Length
	w := s.workers[f.Node]
	switch f.Kind {
	case Crash:
		return s.crash(w, "killed by the seed")
	case CrashAll:
		s.crashAll()
	case Zombie:
		if w.dead || w.incarnation == 0 {
			return false
		}
		s.crashed++
		s.detach(w, until)
		s.lost(control.Lost{Node: w.node, Incarnation: w.incarnation, Reason: "taken for dead"})
	case Manager:
		return s.managerDies(f.Length)
	case Rival:
		return s.managerIsReplaced(f.Length)
	case Away:
		h.away = until
	case Cut:
		h.cut[f.Peer] = until
	case Split:
		h.cut[f.Peer], s.harms[f.Peer].cut[f.Node] = until, until
	case Reset:
		if w.links == nil || len(w.links[f.Peer]) == 0 {
			return false
		}
		w.links[f.Peer][f.Pick%uint64(len(w.links[f.Peer]))].Cut(errors.New("reset by the seed"))
	case Slow:
		h.slow = until
	case Stall:
		h.stall = until
	case FailImages:
		h.unsaved = until
	case Damage:
		if !s.disks[f.Node].damage(f.Pick) {
			return false
		}
		s.damaged = true
	case Flip:
		return s.flip(f)
	case Rot:
		return s.rot(f)
	case Full:
		h.full, h.stall, h.unsaved = until, max(h.stall, until), max(h.unsaved, until)
	case Tight:
		h.tight = until
	case HangUp:
		return s.hangUp(w)
	case Starve:
		s.starve(f, until)
	case Lag:
		h.lag, h.lagging = until, int(f.Pick%uint64(len(s.shapes)))
	case Clock:
		jump := int64(f.Pick>>8%2_000_000) - 1_000_000
		if f.Pick%4 == 0 {
			s.bossSkewNs += jump
		} else {
			h.skewNs += jump
		}
	}
	return true
}

func (s *Sim) away(n frame.NodeID) bool { return s.harms != nil && s.steps < s.harms[n].away }

// held tells whether nothing gets from a node to another.
func (s *Sim) held(from, to frame.NodeID) bool { return s.steps < s.harms[from].cut[to] }

// detach makes a worker one that is taken for dead, and goes on.
func (s *Sim) detach(w *worker, until int) {
	w.zombie, w.until, w.mail, w.unheard = true, until, nil, nil
	s.zombies = append(s.zombies, w)
	s.zombiesSeen++
	s.workers[w.node] = &worker{sim: s, node: w.node, dead: true}
}

// bury ends a zombie.
func (s *Sim) bury(z *worker) {
	s.zombies = slices.DeleteFunc(s.zombies, func(w *worker) bool { return w == z })
	_ = z.close()
	z.dead = true
	s.disks[z.node].crash(z.incarnation)
}

// stepZombie lets one of those who were taken for dead do something. What fails then is its own affair.
func (s *Sim) stepZombie() {
	z := s.zombies[s.rng.IntN(len(s.zombies))]
	if z.arena != nil && s.rng.IntN(3) == 0 {
		z.arena.Step()
	}
	z.step()
	if z.broken {
		s.bury(z)
	}
}

// damage flips a bit in the newest image of some stage, or in all of them.
func (d *disk) damage(pick uint64) bool {
	all := d.saved()
	if len(all) == 0 {
		return false
	}
	hit := all[pick>>8%uint64(len(all))]
	newest := slices.MaxFunc(all, func(a, b control.Saved) int {
		return cmp.Or(cmp.Compare(b2i(a.Stage == hit.Stage), b2i(b.Stage == hit.Stage)), cmp.Compare(a.Tick, b.Tick))
	})
	for _, s := range all {
		if s == newest || s.Stage == hit.Stage && pick%4 == 0 {
			d.images[s] = slices.Clone(d.images[s])
			d.images[s][pick>>16%uint64(len(d.images[s]))] ^= 1 << (pick >> 2 % 8)
		}
	}
	return true
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
