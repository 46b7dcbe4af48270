package manager

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"connectrpc.com/connect"

	"github.com/streamscope/streamscope/control/rpc"
	"github.com/streamscope/streamscope/ringlog/frame"
)

var errToken = errors.New("wrong or missing token")

// handler answers agents: who has the token and says hello first is attached.
func (h *processes) handler() http.Handler {
	var options []connect.HandlerOption
	for _, o := range rpc.Options() {
		options = append(options, o)
	}
	mux := http.NewServeMux()
	mux.Handle(rpc.Procedure, connect.NewBidiStreamHandler(rpc.Procedure, h.attach, options...))
	return mux
}

func (h *processes) attach(_ context.Context, stream *connect.BidiStream[rpc.Up, rpc.Down]) error {
	if !rpc.HasToken(stream.RequestHeader(), h.spawn.Token) {
		return connect.NewError(connect.CodeUnauthenticated, errToken)
	}
	first, err := stream.Receive()
	if err != nil {
		return err
	}
	if first.Hello == nil {
		return connect.NewError(connect.CodeInvalidArgument, fmt.Errorf("%w: the first one is no hello", rpc.ErrMessage))
	}
	node := first.Hello.Node
	done, err := h.claim(node, first.Hello.Incarnation)
	if err != nil {
		return connect.NewError(connect.CodeFailedPrecondition, err)
	}
	defer close(done)
	if err := h.hub.Attach(node, &greeted{stream, first}); err != nil {
		return connect.NewError(connect.CodeAborted, err)
	}
	return nil
}

// claim makes the connection the child's one and only.
func (h *processes) claim(node frame.NodeID, i frame.Incarnation) (chan struct{}, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.children[node]
	if c == nil {
		return nil, fmt.Errorf("node %d is not of this run", node)
	}
	if c.incarnation != i {
		return nil, fmt.Errorf("node %d: incarnation %d, want %d", node, i, c.incarnation)
	}
	if c.attached != nil {
		return nil, fmt.Errorf("node %d: %w", node, errAttached)
	}
	c.attached = make(chan struct{})
	return c.attached, nil
}

// greeted gives back the message that was read to see who is there.
type greeted struct {
	*connect.BidiStream[rpc.Up, rpc.Down]
	first *rpc.Up
}

func (g *greeted) Receive() (*rpc.Up, error) {
	if up := g.first; up != nil {
		g.first = nil
		return up, nil
	}
	return g.BidiStream.Receive()
}
