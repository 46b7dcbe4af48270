package manager

import (
	"net"
	"sync"

	"github.com/streamscope/streamscope/control"
)

// connectionsMax bounds the connections to a manager: one of each worker, and some of strangers until they are turned away.
const connectionsMax = control.MaxWorkers + 64

// bounded accepts at most so many connections at a time; others wait in the kernel's queue.
type bounded struct {
	net.Listener
	free      chan struct{} // a token for each connection that may still be
	closed    chan struct{}
	closeOnce sync.Once
}

func boundedListener(l net.Listener, most int) *bounded {
	b := &bounded{Listener: l, free: make(chan struct{}, most), closed: make(chan struct{})}
	for range most {
		b.free <- struct{}{}
	}
	return b
}

// Accept implements net.Listener.
func (b *bounded) Accept() (net.Conn, error) {
	select {
	case <-b.free:
	case <-b.closed:
		return nil, net.ErrClosed
	}
	c, err := b.Listener.Accept()
	if err != nil {
		b.free <- struct{}{}
		return nil, err
	}
	return &boundedConn{Conn: c, done: sync.OnceFunc(func() { b.free <- struct{}{} })}, nil
}

// Close implements net.Listener.
func (b *bounded) Close() error {
	b.closeOnce.Do(func() { close(b.closed) })
	return b.Listener.Close()
}

type boundedConn struct {
	net.Conn
	done func()
}

// Close implements net.Conn.
func (c *boundedConn) Close() error {
	err := c.Conn.Close()
	c.done()
	return err
}
