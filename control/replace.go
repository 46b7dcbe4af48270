package control

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
)

func nodeID(n int) frame.NodeID { return frame.NodeID(n) }

// life is what a worker has beside its state under recovery.
type life struct {
	// incarnation is the registered one, whose events count. While down, the next one is to be registered.
	incarnation frame.Incarnation
	down        bool
	// due: registered, and to be spawned once the process before it is gone, or patience with that has ended.
	due      bool
	patience TimeNs
	// alive is the incarnation whose process lives, as far as is known; 0: none.
	alive frame.Incarnation
	// awaited: it has outlived the manager before, and has not attached yet.
	awaited bool
	// linking: Connect was sent to this incarnation. stale are peers of which it knows another life than the registered one.
	linking bool
	stale   []frame.NodeID
	// since is when it came to where it is; heard, when it last said anything.
	since, heard TimeNs
	// failures of the node since all its units had last come further than ever before, which was up to reached. blame is their weight.
	failures, blame int
	reached         frame.Tick
	// further: since then some of its units have come further in this life than in any before.
	further bool
	// opened is the greatest tick that its sources have opened in any life, missed the greatest mark that this life has passed unheard.
	// reported: this or an earlier life has said how far it is.
	opened, missed frame.Tick
	reported       bool
	// excused is the newest mark that this life was started with: no wonder if some of its units had it behind them.
	excused frame.Tick
	// held is what this life keeps, as it said last. back and pace are how it comes back, and how fast it is.
	held *Held
	back comeback
	pace executing
	// away: its snapshot store did not answer.
	away away
}

// wholeBlame is what a failure counts towards giving up, if its life came no further than those before in anything. One that did in some of
// its units counts 1: it may have been held up by others that failed, but then again it may be one unit that fails for ever beside another that
// gets on.
const wholeBlame = 4

// failed handles the failure of a node's worker: it is replaced, unless it has failed too often at the same place.
func (m *Machine) failed(node frame.NodeID, reason string) {
	w := &m.workers[node]
	w.failures++
	if w.blame++; !w.further {
		w.blame += wholeBlame - 1
	}
	if w.blame >= wholeBlame*m.rec.cfg.GiveUp {
		m.fail(cause{reason: fmt.Sprintf("%s (given up after %d failures of worker %d at the same place)", reason, w.failures, node)})
		return
	}
	m.replace(node)
	m.persist()
}

// regenerate has a node that has dropped what somebody asks for execute it again, from its bases on: what it asks for may have been dropped
// as well, and so on, at most up to the sources, whose journals drop nothing. It is not the node's fault, and counts towards nothing: a new
// life drops nothing until bases advance, so that this ends.
func (m *Machine) regenerate(node frame.NodeID) {
	m.rec.regenerated++
	m.replace(node)
	m.persist()
}

// replace has the next incarnation of a node's worker registered. Whatever the worker is doing, it does not count any more; it is killed once
// that is committed: a manager that was fenced without knowing kills nobody.
func (m *Machine) replace(node frame.NodeID) {
	w := &m.workers[node]
	if w.down {
		return
	}
	m.noteLost(node)
	w.down, w.due, w.awaited, w.linking, w.further, w.missed = true, false, false, false, false, 0
	w.state = Absent
	w.stale = nil // the next life is told the peers as they are
	m.rec.recoveries++
	m.renewLinking()
}

// registered goes on once the store has the incarnation.
func (m *Machine) registered(r Registration) {
	w := &m.workers[r.Node]
	w.incarnation, w.down, w.due = r.Incarnation, false, true
	w.patience = m.now + TimeNs(m.cfg.StopNs)
	m.rec.bases.register(r.Node)
	m.kill(r.Node)
	m.spawn(r.Node)
}

// spawn starts a registered worker as soon as nothing of the one before is left, no pause is to be made, and all who live on have attached: they may
// have what it needs.
func (m *Machine) spawn(node frame.NodeID) {
	w := &m.workers[node]
	if !w.due || w.alive != 0 || m.now < w.away.until || m.rec.takingOver || m.phase >= Stopping {
		return
	}
	w.due, w.killed, w.told = false, false, false
	w.alive, w.since = w.incarnation, m.now
	if w.back.lostAt == 0 {
		w.back.lostAt = m.now
	}
	m.emit(Spawn{node, w.incarnation})
}

// gone handles the end of a process under recovery.
func (m *Machine) gone(ev Lost) {
	w := &m.workers[ev.Node]
	if w.alive != ev.Incarnation || w.alive == 0 {
		return
	}
	w.alive = 0
	switch {
	case m.phase >= Committing || m.rec.allDone: // nobody needs it any more
		w.state = Gone
		m.abortWhenAlone()
	case w.down || w.due:
		m.spawn(ev.Node)
	default:
		m.failed(ev.Node, ev.Reason)
	}
}

// assignment is what a worker that has said hello is to know.
func (m *Machine) assignment(node frame.NodeID) Assignment {
	a := Assignment{Epoch: m.cfg.Epoch, Node: node, Nodes: m.cfg.Workers, Cores: m.cfg.Cores, Schedule: m.ticks}
	if r := m.rec; r != nil {
		a.Incarnation = m.workers[node].incarnation
		a.Restore, a.Quiet = r.bases.restore(node)
		a.Needs = r.bases.needs()
		a.Marks = append(a.Marks, r.marks.open...)
		a.Peers, a.Journals, a.Images = m.holders(), r.sets(node, r.stored.Journals), r.sets(node, r.stored.Images)
		m.workers[node].excused = r.marks.last
	}
	return a
}

// link has the workers that are new link to all, once all listen, and tells the others of them.
func (m *Machine) link() {
	if !m.all(Prepared) {
		return
	}
	m.phase = max(m.phase, Linking)
	peers := make([]Peer, len(m.workers))
	for i := range m.workers {
		peers[i] = m.peer(i)
	}
	var fresh []int
	for i := range m.workers {
		if !m.workers[i].linking {
			fresh = append(fresh, i)
		}
	}
	for i := range m.workers {
		w := &m.workers[i]
		if !w.linking {
			m.emit(Connect{nodeID(i), m.cfg.Epoch, peers})
			continue
		}
		for _, n := range fresh {
			m.emit(Relink{nodeID(i), m.cfg.Epoch, peers[n]})
		}
		for _, n := range w.stale {
			if m.workers[n].linking { // else it is fresh
				m.emit(Relink{nodeID(i), m.cfg.Epoch, peers[n]})
			}
		}
		w.stale = nil
	}
	for _, n := range fresh {
		m.workers[n].linking = true
	}
	m.renewLinking()
}

// holders are the workers that may hold copies of a peer's log.
func (m *Machine) holders() (peers []Peer) {
	for i := range m.workers {
		if w := &m.workers[i]; w.copyAddr != "" && w.state >= Prepared && w.state != Gone {
			peers = append(peers, m.peer(i))
		}
	}
	return peers
}

func (m *Machine) peer(i int) Peer {
	w := &m.workers[i]
	return Peer{Node: nodeID(i), Incarnation: w.incarnation, Addr: w.addr, CopyAddr: w.copyAddr}
}

// renewLinking gives those that link new time: the peers that they link to have changed.
func (m *Machine) renewLinking() {
	for i := range m.workers {
		if w := &m.workers[i]; w.state == Prepared {
			w.since = m.now
		}
	}
}

// watch replaces workers that do not get on, or are silent, and goes on without the processes that do not end.
func (m *Machine) watch(away bool) {
	for i := range m.workers {
		w := &m.workers[i]
		if away {
			w.heard, w.since = m.now, m.now
		}
		switch {
		case w.due:
			if m.now >= w.patience {
				w.alive = 0
			}
			m.spawn(nodeID(i))
		case w.down:
		case w.awaited:
			if m.now >= w.since+TimeNs(m.rec.cfg.AttachNs) {
				m.replace(nodeID(i))
				m.persist()
			}
		case w.linking && w.state == Prepared && m.someoneAway():
			w.since = m.now // it waits for the other
		case w.stuck() && m.now >= w.since+TimeNs(m.cfg.StartNs):
			m.failed(nodeID(i), fmt.Sprintf("worker %d%s did not %s within %d ms", i, w.process(), w.next(), m.cfg.StartNs/1e6))
		case w.state >= Prepared && m.now >= w.heard+TimeNs(m.rec.cfg.LeaseNs):
			m.failed(nodeID(i), fmt.Sprintf("worker %d%s was not heard of for %d ms", i, w.process(), m.rec.cfg.LeaseNs/1e6))
		}
		if m.phase >= Stopping {
			return
		}
	}
}

// stuck reports whether it is the worker's turn to get on.
func (w *worker) stuck() bool { return w.state < Prepared || w.state == Prepared && w.linking }

// next is what the worker is to do next.
func (w *worker) next() string {
	if w.linking {
		return "link to the others"
	}
	return "start"
}

// counts reports whether an event comes from the worker that counts on its node. One that was killed does not, even if it was late to die.
func (m *Machine) counts(w *worker, f From) bool {
	return m.rec == nil || (f.Incarnation == w.incarnation && f.Incarnation == w.alive && !w.down)
}
