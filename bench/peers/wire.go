package main

import (
	"context"
	"net"
	"sync/atomic"
)

// wireCount dials connections and counts the bytes written to them.
type wireCount struct{ bytes atomic.Int64 }

// Dial is what a NATS client calls.
func (w *wireCount) Dial(network, addr string) (net.Conn, error) {
	return w.dial(context.Background(), network, addr)
}

func (w *wireCount) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &countedConn{c, w}, nil
}

type countedConn struct {
	net.Conn
	wire *wireCount
}

// Write counts what the kernel takes, before it does: the other end may have read it all before this goroutine goes on.
func (c *countedConn) Write(b []byte) (int, error) {
	c.wire.bytes.Add(int64(len(b)))
	n, err := c.Conn.Write(b)
	c.wire.bytes.Add(int64(n - len(b)))
	return n, err
}
