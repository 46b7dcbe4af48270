package rpc

import (
	"context"
	"io"
)

// AgentConn is an agent's end of a stream. One goroutine may send while another receives.
type AgentConn interface {
	Send(*Up) error
	Receive() (*Down, error)
}

// ManagerConn is the manager's end.
type ManagerConn interface {
	Send(*Down) error
	Receive() (*Up, error)
}

// pipeMessages bounds what is under way in a pipe in each direction.
const pipeMessages = 16

type pipe[Out, In any] struct {
	ctx context.Context
	out chan<- *Out
	in  <-chan *In
}

// Pipe returns the two ends of a stream inside a process. It lasts as long as ctx; then both directions end.
func Pipe(ctx context.Context) (AgentConn, ManagerConn) {
	up, down := make(chan *Up, pipeMessages), make(chan *Down, pipeMessages)
	return &pipe[Up, Down]{ctx, up, down}, &pipe[Down, Up]{ctx, down, up}
}

// Send blocks while pipeMessages are under way.
func (p *pipe[Out, In]) Send(m *Out) error {
	select {
	case p.out <- m:
		return nil
	case <-p.ctx.Done():
		return io.ErrClosedPipe
	}
}

// Receive blocks until a message is there. What was sent before the end is still received.
func (p *pipe[Out, In]) Receive() (*In, error) {
	select {
	case m := <-p.in:
		return m, nil
	case <-p.ctx.Done():
	}
	select {
	case m := <-p.in:
		return m, nil
	default:
		return nil, io.EOF
	}
}
