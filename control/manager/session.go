package manager

import (
	"errors"
	"fmt"
	"sync"

	"github.com/streamscope/streamscope/control/rpc"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// commandsMax bounds the commands that wait for a worker. A run has four; with recovery, marks, trims and new links come on top.
const commandsMax = 64

// session is an agent's connection.
type session struct{ commands chan *rpc.Down }

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
	s := &session{commands: make(chan *rpc.Down, commandsMax)}
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

// Why a command was not sent.
var (
	errNobody = errors.New("no agent is attached")
	errBusy   = errors.New("the agent takes no commands")
)

func (ss *sessions) send(node frame.NodeID, m *rpc.Down) error {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s := ss.byNode[node]
	if s == nil {
		return errNobody
	}
	select {
	case s.commands <- m:
		return nil
	default:
		return errBusy
	}
}
