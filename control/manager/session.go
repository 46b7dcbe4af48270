package manager

import (
	"errors"
	"fmt"
	"sync"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/rpc"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// session is an agent's connection.
type session struct {
	more chan struct{} // there is something to take; one is kept

	mu      sync.Mutex
	waiting []control.Effect // Invariant: at most control.CommandsMax, see control.Enqueue
}

// put never blocks.
func (s *session) put(cmd control.Effect) {
	s.mu.Lock()
	s.waiting = control.Enqueue(s.waiting, cmd)
	s.mu.Unlock()
	select {
	case s.more <- struct{}{}:
	default:
	}
}

// take returns the next command, nil if none waits.
func (s *session) take() control.Effect {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) == 0 {
		return nil
	}
	cmd := s.waiting[0]
	s.waiting = s.waiting[1:]
	return cmd
}

// sessions are the connections by node.
type sessions struct {
	mu     sync.Mutex
	byNode []*session
}

func (ss *sessions) open(node frame.NodeID) (*session, error) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if int(node) >= len(ss.byNode) {
		return nil, fmt.Errorf("node %d: the run has %d", node, len(ss.byNode))
	}
	if ss.byNode[node] != nil {
		return nil, fmt.Errorf("node %d: %w", node, errAttached)
	}
	s := &session{more: make(chan struct{}, 1)}
	ss.byNode[node] = s
	return s, nil
}

func (ss *sessions) close(node frame.NodeID, s *session) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if ss.byNode[node] == s {
		ss.byNode[node] = nil
	}
}

var errNobody = errors.New("no agent is attached")

// put gives a command to a node's agent. The error is errNobody.
func (ss *sessions) put(node frame.NodeID, cmd control.Effect) error {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	if s := ss.byNode[node]; s != nil {
		s.put(cmd)
		return nil
	}
	return errNobody
}

// down is a command as it is sent.
func (r *run) down(cmd control.Effect) *rpc.Down {
	switch c := cmd.(type) {
	case control.Start:
		return &rpc.Down{Start: &rpc.Start{Start: c, Job: r.cfg.Job}}
	case control.Connect:
		return &rpc.Down{Connect: &c}
	case control.Run:
		return &rpc.Down{Run: &c}
	case control.Mark:
		return &rpc.Down{Mark: &c}
	case control.Trim:
		return &rpc.Down{Trim: &c}
	case control.Relink:
		return &rpc.Down{Relink: &c}
	case control.Adopt:
		return &rpc.Down{Adopt: &c}
	case control.Admit:
		return &rpc.Down{Admit: &c}
	case control.Activated:
		return &rpc.Down{Activated: &c}
	case control.Stop:
		return &rpc.Down{Stop: &c}
	}
	panic(fmt.Sprintf("manager: %T is no command", cmd))
}
