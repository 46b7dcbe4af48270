package manager

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"connectrpc.com/connect"

	"github.com/streamscope/streamscope/control"
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
	done, err := h.claim(node, first.Hello)
	if errors.Is(err, errStranger) {
		return connect.NewError(connect.CodeFailedPrecondition, err)
	} else if err != nil {
		return connect.NewError(connect.CodeAborted, err)
	}
	defer close(done)
	if err := h.hub.Attach(node, &greeted{stream, first}); err != nil {
		return connect.NewError(connect.CodeAborted, err)
	}
	return nil
}

// errStranger is a worker that is not, or not any more, of this run.
var errStranger = errors.New("not of this run")

// claim makes the connection the child's one and only.
func (h *processes) claim(node frame.NodeID, hello *control.Hello) (chan struct{}, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.children[node]
	switch {
	case c == nil:
		return nil, fmt.Errorf("node %d is %w", node, errStranger)
	case c.incarnation != hello.Incarnation:
		return nil, fmt.Errorf("node %d: incarnation %d is %w, %d is", node, hello.Incarnation, errStranger, c.incarnation)
	case hello.Epoch != h.hub.Epoch():
		return nil, fmt.Errorf("node %d: epoch %d, want %d", node, hello.Epoch, h.hub.Epoch())
	case c.attached != nil && !closed(c.attached):
		return nil, fmt.Errorf("node %d: %w", node, errAttached)
	}
	c.attached = make(chan struct{})
	return c.attached, nil
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
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
