package control

import "github.com/streamscope/streamscope/ringlog/frame"

// Recovered is what losses took so far, from when the manager heard of them until the new life had executed what the one before had.
type Recovered struct {
	Count   uint64 `json:"count"`
	LastNs  int64  `json:"last_ns"`
	WorstNs int64  `json:"worst_ns"`
	// StartNs is the longest time of a life from the loss, or the beginning, until it ran: new process, images, links.
	StartNs int64 `json:"start_ns"`
	// Replayed ticks in ReplayNs, all losses together.
	Replayed uint64 `json:"replayed_ticks"`
	ReplayNs int64  `json:"replay_ns"`
}

// Expected is how long a node would take to come back if it were lost now, but for the time until that is noticed: at once if the process
// died, after the lease if it is silent.
type Expected struct {
	StartNs  int64 `json:"start_ns"`
	ReadNs   int64 `json:"read_ns"`
	ReplayNs int64 `json:"replay_ns"`
	// Ticks that would be executed again.
	Ticks uint64 `json:"ticks"`
	// Measured: a loss has been survived, so that the rates are those of replaying; if not, of ordinary execution, which may be slower.
	Measured bool `json:"measured"`
}

func (e Expected) total() int64 { return e.StartNs + e.ReadNs + e.ReplayNs }

// comeback follows a life from the loss of the one before to where that one was.
type comeback struct {
	lostAt, ranAt TimeNs     // 0: not
	from, target  frame.Tick // of the node
	counts        bool       // something was lost, not only begun
}

// noteLost notes the loss of a node's worker. A second one before it came back is part of the first.
func (m *Machine) noteLost(node frame.NodeID) {
	w := &m.workers[node]
	if !w.back.counts {
		w.back = comeback{lostAt: m.now, counts: true}
	}
	if t := m.rec.bases.reached(node); t != frame.MaxTick {
		w.back.target = max(w.back.target, t)
	}
	w.back.ranAt, w.held = 0, nil
}

// noteRun notes that a life runs.
func (m *Machine) noteRun(node frame.NodeID) {
	w := &m.workers[node]
	w.back.ranAt, w.back.from = m.now, m.rec.bases.reached(node)
	if w.back.lostAt != 0 {
		m.rec.observed.StartNs = max(m.rec.observed.StartNs, int64(m.now-w.back.lostAt))
	}
	w.pace = executing{at: m.now, tick: w.back.from}
}

// noteReached follows how fast a node executes, and whether it has come back.
func (m *Machine) noteReached(node frame.NodeID) {
	w := &m.workers[node]
	t := m.rec.bases.reached(node)
	if t == frame.MaxTick || w.back.ranAt == 0 {
		return
	}
	w.pace.note(m.now, t)
	if !w.back.counts || t < w.back.target {
		return
	}
	o := &m.rec.observed
	took := int64(m.now - w.back.lostAt)
	o.Count, o.LastNs, o.WorstNs = o.Count+1, took, max(o.WorstNs, took)
	if w.back.target > w.back.from {
		o.Replayed += uint64(w.back.target - w.back.from)
		o.ReplayNs += int64(m.now - w.back.ranAt)
	}
	w.back = comeback{ranAt: w.back.ranAt}
}

// executing is how fast a node executes.
type executing struct {
	at   TimeNs
	tick frame.Tick
	rate float64 // ticks per second, of the last second or so
}

// paceNs is over how long a rate is taken.
const paceNs = 1e9

func (p *executing) note(now TimeNs, t frame.Tick) {
	if now-p.at < paceNs || t < p.tick {
		return
	}
	p.rate = float64(t-p.tick) / (float64(now-p.at) / 1e9)
	p.at, p.tick = now, t
}

// expected computes what a loss of a node would cost, from what was measured.
func (m *Machine) expected(node frame.NodeID) Expected {
	w, o := &m.workers[node], &m.rec.observed
	e := Expected{StartNs: o.StartNs, Measured: o.Replayed > 0}
	lag := uint64(0)
	m.rec.bases.on(node, func(_ StageID, u *unitState) {
		if u.executed != frame.MaxTick && u.executed > u.Base.Base {
			lag = max(lag, uint64(u.executed-u.Base.Base))
		}
	})
	e.Ticks = lag
	rate := w.pace.rate
	if e.Measured && o.ReplayNs > 0 {
		rate = max(rate, float64(o.Replayed)/(float64(o.ReplayNs)/1e9))
	}
	if rate > 0 {
		e.ReplayNs = int64(float64(lag) / rate * 1e9)
	}
	if h := w.held; h != nil && !e.Measured { // the time to start has it otherwise
		bytes := uint64(0)
		for _, i := range h.Images {
			bytes += i.Newest
		}
		if h.Writing.Bytes > 0 {
			e.ReadNs = int64(float64(bytes) * float64(h.Writing.Ns) / float64(h.Writing.Bytes))
		}
	}
	return e
}
