package netio

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/netio/wire"
)

// dialLoop is the goroutine of an outgoing link: it makes connections, and owns the one at hand, until the link is closed, the peer says bye
// or refuses for good.
func (l *Link) dialLoop() {
	wait := l.ep.cfg.BackoffMin
	for l.give.Err() == nil {
		before := l.stats.bytesIn.Load()
		err := l.connect()
		if l.give.Err() != nil {
			break
		}
		if errors.Is(err, ErrBye) || errors.Is(err, ErrRefused) {
			l.finish(err)
			return
		}
		if l.stats.bytesIn.Load() != before {
			wait = l.ep.cfg.BackoffMin // the peer had something to say: not a door that shuts at once
		}
		l.pause(err, wait)
		wait = min(2*wait, l.ep.cfg.BackoffMax)
	}
	l.finish(ErrClosed)
}

// pause waits about so long, unless the link is closed meanwhile. Links that were cut together must not come back together.
func (l *Link) pause(err error, wait time.Duration) {
	wait = wait/2 + rand.N(wait/2+1)
	if f := l.ep.cfg.Events.Retry; f != nil {
		f(l, err, wait)
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-l.give.Done():
	case <-t.C:
	}
}

// connect makes one connection and lives it. It returns why there was none, or why it ended.
func (l *Link) connect() error {
	e := l.ep
	d := net.Dialer{Timeout: e.cfg.HelloTimeout, Control: Unpaced}
	nc, err := d.DialContext(l.give, "tcp", l.peer.Addr)
	if err != nil {
		return lost(err)
	}
	l.mu.Lock()
	l.mu.last++
	number := l.mu.last
	l.mu.Unlock()
	peer, c, err := l.establish(nc, number)
	if err != nil {
		_ = nc.Close() // again, where establish has: harmless
		var r *refusal
		if errors.As(err, &r) {
			if f := e.cfg.Events.Refused; f != nil {
				f(l, l.peer.Addr, r.Reason, err)
			}
			if r.Reason.Final() {
				return fmt.Errorf("%w by node %d: %w", ErrRefused, l.peer.Node, err)
			}
		}
		return err
	}
	l.make()
	if err := guard(func() error { return l.side.attach(peer) }); err != nil {
		l.unmake()
		c.cut(err)
		_ = c.np.Close()
		return err
	}
	return l.live(c, l.peer.Addr)
}

// Unpaced is a net.Dialer's Control: a connection to this machine itself does not pace what it sends. Where the kernel's choice is BBR, its timers
// take a fifth of what a sender pays for a byte, for a path that has no queue to spare. Reno is in every kernel and open to everybody.
func Unpaced(_, address string, c syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !to.Addr().IsLoopback() {
		return nil // the network is the administrator's
	}
	return c.Control(func(fd uintptr) {
		_ = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, "reno") // a matter of speed alone
	})
}

// establish says hello on nc and moves it to netpoll.
func (l *Link) establish(nc net.Conn, number uint64) (peer wire.Hello, c *conn, err error) {
	e := l.ep
	if err := e.tune(nc); err != nil {
		return peer, nil, lost(err)
	}
	stop, err := e.expire(l.give, nc)
	if err != nil {
		return peer, nil, err
	}
	peer, err = e.greet(nc, l.peer, number)
	if !stop() && err == nil {
		err = ErrClosed // the deadline is already in the past
	}
	if err != nil {
		return peer, nil, err
	}
	np, fd, err := toNetpoll(nc)
	if err != nil {
		return peer, nil, err
	}
	return peer, newConn(l, number, np, fd), nil
}
