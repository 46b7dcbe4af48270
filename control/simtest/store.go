package simtest

import "github.com/streamscope/streamscope/control"

// The metadata store: transactions come to it later than they are sent, also after their manager has ended or has a successor.

// persist sends a transaction to the store.
func (s *Sim) persist(t control.Txn) {
	if s.cfg.Broken == M23 {
		s.trimEarly(t)
	}
	s.txns = append(s.txns, t)
}

// commitOne carries out one of the transactions on their way, in whatever order, and reports whether there was one.
func (s *Sim) commitOne() bool {
	if len(s.txns) == 0 || !s.does(committing) {
		return false
	}
	i := s.rng.IntN(len(s.txns))
	t := s.txns[i]
	s.txns = append(s.txns[:i:i], s.txns[i+1:]...)
	s.carryOut(t)
	return true
}

// carryOut is the store's part: it refuses transactions of a lower epoch than it has. One that fails may have been carried out.
func (s *Sim) carryOut(t control.Txn) {
	answer := control.Persisted{}
	switch {
	case t.Epoch < s.stored.Epoch && s.cfg.Broken != Unfenced:
		s.told.fenced++
		answer = control.Persisted{Fenced: true, Reason: "another manager has taken over"}
	case s.flaky():
		answer.Reason = "the disk is full"
		if s.rng.IntN(2) == 0 {
			break
		}
		fallthrough
	default:
		s.stored.Apply(t)
		for _, r := range t.Register {
			s.registrar[r.Node] = t.Epoch
		}
		s.checkBases()
	}
	switch {
	case t.Epoch == s.stored.Epoch && s.machine != nil:
		s.toBoss = append(s.toBoss, answer)
	case s.elder != nil && s.elder.epoch == t.Epoch:
		s.elder.inbox = append(s.elder.inbox, answer)
	}
}

// lastTxns lets some of what was sent to the store before all died come to it at once; the rest comes late.
func (s *Sim) lastTxns() {
	for range s.txns {
		if s.rng.IntN(2) == 0 {
			s.commitOne()
		}
	}
}
