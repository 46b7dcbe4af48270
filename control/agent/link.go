package agent

import (
	"context"
	"time"

	"github.com/streamscope/streamscope/control/rpc"
)

// link is a connection to a manager. The zero link is none: nothing ever comes from it.
type link struct {
	conn rpc.AgentConn
	// cancel ends the connection, where nobody else does. overdue does so if a manager that was met does not adopt the worker.
	cancel  func()
	overdue *time.Timer
	// commands and lost come from the goroutine that receives; lost is its last word.
	commands chan *rpc.Down
	lost     chan error
}

// begin receives from a connection until it or the agent ends.
func (a *agent) begin(conn rpc.AgentConn, end func()) *link {
	ctx, cancel := context.WithCancel(a.ctx)
	l := &link{conn: conn, cancel: func() { cancel(); end() }, commands: make(chan *rpc.Down), lost: make(chan error, 1)}
	go l.receive(ctx)
	return l
}

func (l *link) end() {
	if l.overdue != nil {
		l.overdue.Stop()
	}
	if l.cancel != nil {
		l.cancel()
	}
}

// receive hands commands on.
func (l *link) receive(ctx context.Context) {
	for {
		c, err := l.conn.Receive()
		if err == nil {
			err = c.Valid()
		}
		if err != nil {
			l.lost <- err
			return
		}
		select {
		case l.commands <- c:
		case <-ctx.Done(): // and it means nothing any more
		}
	}
}
