package simtest

import (
	"slices"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// Canary is a rule that a run breaks on purpose, to see that the simulator notices. Rules are broken around the engine, in what the
// simulator plays: disks, links, commands; those of a node's own bookkeeping in it, by a shuffle.Flaw.
type Canary string

// The canaries, by the numbers of PROTOCOL where they have one.
const (
	M01 Canary = "M01: bases do not wait for what the registered lives have executed"
	M07 Canary = "M07: an image of a sink counts before its output is durable"
	M08 Canary = "M08: a stage that replays asks from where it restarts"
	M09 Canary = "M09: images without state do not count: stages that replay have no base"
	M10 Canary = "M10: what is executed to warm up is emitted"
	M11 Canary = "M11: images below the newest are deleted"
	M12 Canary = "M12: rows of open ticks are kept over a reconnect"
	M13 Canary = "M13: a frame of an older session is taken"
	M16 Canary = "M16: ticks are closed before their records are durable"
	M17 Canary = "M17: journal and images of a life are not fenced from the one before"
	M20 Canary = "M20: a sink goes on behind what is there, and does not cut it back"
	M22 Canary = "M22: a task believes that its inputs were executed further than it was"
	M23 Canary = "M23: bases are trimmed to before they are committed"
	M24 Canary = "M24: the journal forgets its oldest record"
	M25 Canary = "M25: units restart at their newest image"
	M26 Canary = "M26: who has dropped what is asked for is not made to execute it again"

	R1  Canary = "R1: a close overtakes rows of its tick"
	R35 Canary = "R35: whoever lives is adopted, of whatever incarnation"
	R37 Canary = "R37: commands of a lower epoch are obeyed"

	Unfenced Canary = "transactions of a manager that has a successor are carried out"

	EarlyImage  Canary = "an image counts before what its unit had sent is persisted"
	LostInput   Canary = "J: a journal has the record of a tick without the rows that cannot be read again"
	LostRecord  Canary = "a journal loses its last durable record"
	StaleImage  Canary = "an image is that of the mark before"
	Delivered   Canary = "what all consumers have executed is trimmed, since nobody asks for it but a new life"
	OneTooFar   Canary = "logs are trimmed one tick too far"
	LaneGap     Canary = "a shadow run is given what was not dropped, and nothing else"
	ShadowAhead Canary = "a shadow run begins at the newest image"
)

// trimEarly trims to the bases of a transaction that is not carried out yet (M23).
func (s *Sim) trimEarly(t control.Txn) {
	next := s.stored.Clone()
	next.Apply(t)
	needs := make(control.Needs, len(s.shapes))
	for p, shape := range s.shapes {
		needs[p] = slices.Repeat([]frame.Tick{frame.MaxTick}, len(s.workers))
		for _, n := range shape.Nodes {
			needs[p][n] = next.Bases[p][n].Base
		}
	}
	for n, w := range s.workers {
		if w.w != nil {
			s.post(frame.NodeID(n), control.Trim{Node: frame.NodeID(n), Epoch: t.Epoch, Needs: needs})
		}
	}
}

// oneTooFar are needs that are greater than they should be.
func oneTooFar(needs control.Needs) control.Needs {
	wrong := make(control.Needs, len(needs))
	for p := range needs {
		for _, t := range needs[p] {
			if t < frame.MaxTick {
				t++
			}
			wrong[p] = append(wrong[p], t)
		}
	}
	return wrong
}

// newest are the newest images of all stages, where a worker that breaks M25 restarts.
func (d *disk) newest(restore []frame.Tick) []frame.Tick {
	restore = slices.Clone(restore)
	for s := range d.images {
		restore[s.Stage] = max(restore[s.Stage], s.Tick)
	}
	return restore
}

// onlyNewest deletes what M11 says.
func (d *disk) onlyNewest(newest control.Saved) {
	for s := range d.images {
		if s.Stage == newest.Stage && s.Tick < newest.Tick {
			d.remove(s)
		}
	}
}

// breakImages spoils what a worker restores (M22).
func (s *Sim) breakImages(images []*runtime.Image) {
	for i, im := range images {
		if im != nil && !s.shapes[i].Source {
			im.Tick++
		}
	}
}

// stray gives a link's user frames again that it got before the connection was made (M12, M13).
func (t *tap) stray() error {
	old := t.old
	t.old = nil
	switch t.to.sim.cfg.Broken {
	case M12:
	case M13:
		old = old[max(0, len(old)-1):]
	default:
		return nil
	}
	for _, b := range old {
		if h := frame.DecodeHeader(b); t.sessions[h.Edge] == nil {
			t.old = append(t.old, b)
		} else if err := t.take(b); err != nil {
			return err
		}
	}
	return nil
}

// delivered are the needs, raised to what the registered lives of all consumers have executed (Delivered).
func (s *Sim) delivered(needs control.Needs) control.Needs {
	wrong := make(control.Needs, len(needs))
	for p := range needs {
		wrong[p] = slices.Clone(needs[p])
		for _, n := range s.shapes[p].Nodes {
			least := frame.MaxTick
			for _, c := range s.shapes[p].To {
				for _, m := range s.shapes[c].Nodes {
					if w := s.workers[m]; w.w == nil {
						least = 0
					} else {
						least = min(least, w.w.Progress().Executed[c])
					}
				}
			}
			if least < frame.MaxTick {
				wrong[p][n] = max(wrong[p][n], least)
			}
		}
	}
	return wrong
}

// asked are the ticks at which units would restart if none had to warm up (M08).
func asked(restore, quiet []frame.Tick) []frame.Tick {
	wrong := slices.Clone(restore)
	for s := range quiet {
		wrong[s] = max(wrong[s], quiet[s])
	}
	return wrong
}

// hasty puts the last piece of a gathering before the one that it follows, if it is a CLOSE behind rows (R1).
func hasty(pieces [][]byte) {
	n := len(pieces)
	if n < 2 {
		return
	}
	first, last := pieces[n-2], pieces[n-1]
	if frame.Type(first[4]) == frame.Data && frame.Type(last[4]) == frame.Close {
		pieces[n-2], pieces[n-1] = last, first
	}
}
