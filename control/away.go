package control

import (
	"fmt"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// away is what is known of a snapshot store that did not answer when lives of a node started. Nothing is known of its images then, and another
// life fails as well until the store is back: that is no failure of the node, and counts for none as long as Recovery.StoreAwayNs.
type away struct {
	since TimeNs // of the first such start since one had its images
	tries int    // 0: none
	until TimeNs // nobody is spawned before
}

// The pauses between two starts double from StoreAwayNs/awayFirst to StoreAwayNs/awayLongest.
const (
	awayFirst   = 300
	awayLongest = 20
)

// storeAway handles a start that came to nothing because the snapshot store did not answer.
func (m *Machine) storeAway(node frame.NodeID, reason string) {
	w, patience := &m.workers[node], m.rec.cfg.StoreAwayNs
	if w.away.tries == 0 {
		w.away.since = m.now
	}
	pause := min(max(1, patience/awayFirst)<<min(w.away.tries, 16), max(1, patience/awayLongest))
	w.away.tries++
	w.away.until = m.now + TimeNs(pause)
	over := m.now-w.away.since >= TimeNs(patience)
	if over {
		m.failed(node, reason)
	} else {
		m.replace(node)
	}
	if m.phase < Stopping {
		m.emit(Waits{Node: node, PauseNs: pause, AwayNs: int64(m.now - w.away.since), Counts: over, Reason: reason})
		m.persist()
	}
}

// someoneAway reports whether a worker waits for its snapshot store: those that link to it can only wait, too.
func (m *Machine) someoneAway() bool {
	for i := range m.workers {
		if m.workers[i].away.tries > 0 {
			return true
		}
	}
	return false
}

// awayNs is for how long a node's snapshot store has not answered; 0: it has, or was not asked.
func (m *Machine) awayNs(w *worker) int64 {
	if w.away.tries == 0 {
		return 0
	}
	return max(1, int64(m.now-w.away.since))
}

// comingBack says what a unit waits for whose worker is not there.
func (m *Machine) comingBack(node frame.NodeID) string {
	s := fmt.Sprintf("worker %d is coming back", node)
	if ns := m.awayNs(&m.workers[node]); ns > 0 {
		s += fmt.Sprintf("; its snapshot store has not answered for %d s, %d starts", ns/1e9, m.workers[node].away.tries)
	}
	return s
}
