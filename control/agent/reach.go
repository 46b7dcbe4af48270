package agent

import (
	"context"
	"errors"
	"net"
	"net/url"
	"syscall"
	"time"
)

// How long a new worker waits for the network to let it through to its manager, which waits about as long for its hello, and between two tries.
const (
	reachPatience = 30 * time.Second
	reachEvery    = 100 * time.Millisecond
)

// reach waits while the manager cannot be reached at all. A worker that ended then would be started again just to end, and the job be given up after
// a few such lives, although nothing but the network is wrong. Whatever else is the matter, whoever calls the manager next says it.
func reach(ctx context.Context, manager string, dial func(ctx context.Context, network, address string) (net.Conn, error)) {
	at, err := url.Parse(manager)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, reachPatience)
	defer cancel()
	for {
		c, err := dial(ctx, "tcp", at.Host)
		if err == nil {
			c.Close()
			return
		}
		if !unreachable(err) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(reachEvery):
		}
	}
}

// unreachable tells a network that lets nothing through from a manager that is gone: that one's machine refuses.
func unreachable(err error) bool {
	for _, e := range []syscall.Errno{syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.ENETDOWN, syscall.ETIMEDOUT} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
