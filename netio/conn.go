package netio

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/cloudwego/netpoll"
	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/netio/wire"
)

// conn is one connection of a link, from the end of its hello to its close. Its owner calls run.
type conn struct {
	link   *Link
	number uint64
	np     netpoll.Connection
	w      netpoll.Writer
	stop   chan struct{} // closed when the connection is to end

	// Of the owner only.
	pieces [][]byte
	lent   bool // pieces of a Gather are lent and not returned yet

	// Coarse times (Endpoint.now) for the watch; 0: not doing that.
	waitingSince atomic.Int64 // the reader waits for the next whole unit
	writingSince atomic.Int64 // the owner is in a flush
	lastSent     atomic.Int64
	pingDue      atomic.Bool
	abandoned    atomic.Bool // the reader must not take what is buffered

	mu struct {
		sync.Mutex
		fd     int
		closed bool  // fd is no longer ours
		err    error // why the connection ends; a reason of substance replaces ErrLost
	}
}

func newConn(l *Link, number uint64, np netpoll.Connection, fd int) *conn {
	c := &conn{link: l, number: number, np: np, w: np.Writer(), stop: make(chan struct{}), pieces: make([][]byte, 0, MaxPieces)}
	c.mu.fd = fd
	c.lastSent.Store(l.ep.now.Load())
	return c
}

// run is the life of the connection. The side is attached; it is detached when run returns the error that ended it.
func (c *conn) run() error {
	readerDone := make(chan struct{})
	go func() {
		defer close(readerDone)
		c.end(guard(c.readLoop))
	}()
	c.end(guard(c.writeLoop))
	<-readerDone

	c.mu.Lock()
	c.mu.closed = true
	err := c.mu.err
	c.mu.Unlock()
	_ = c.np.Close() // waits until the poller has let go of what was being sent

	side := c.link.side
	if c.lent {
		c.lent = false
		_ = guard(func() error { side.sent(err); return nil })
	}
	if perr := guard(func() error { side.detach(err); return nil }); perr != nil {
		err = perr
	}
	return err
}

// cut ends the connection for the reason err. It may be called by anybody, any number of times.
func (c *conn) cut(err error) {
	c.abandoned.Store(true)
	c.end(err)
}

// end notes why the connection ends and makes both goroutines see it. What has arrived is still read, unless cut.
func (c *conn) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.err == nil {
		c.mu.err = err
		close(c.stop)
	} else if CauseOf(c.mu.err) == CauseLost {
		c.mu.err = err
	}
	if !c.mu.closed {
		_ = unix.Shutdown(c.mu.fd, unix.SHUT_RDWR) // fails only if the peer was first
	}
}

func (c *conn) writeLoop() error {
	l := c.link
	saidBye := false
	for {
		select {
		case <-c.stop:
			return ErrLost
		default:
		}
		switch {
		case saidBye:
		case c.gather():
			if err := c.flush(); err != nil {
				return err
			}
			c.lent = false
			l.side.sent(nil)
			continue
		case l.closing.Load():
			saidBye = true
			if err := c.say(wire.AppendBye(nil)); err != nil {
				return err
			}
		case c.pingDue.Swap(false):
			if err := c.say(wire.AppendPing(nil)); err != nil {
				return err
			}
		}
		select {
		case <-c.stop:
		case <-l.wake:
		}
	}
}

// gather fills pieces and reports whether there are any.
func (c *conn) gather() bool {
	c.pieces = c.link.side.gather(c.pieces[:0], c.link.ep.cfg.FlushBytes)
	c.lent = len(c.pieces) > 0
	return c.lent
}

// say sends a message of netio's own.
func (c *conn) say(b []byte) error {
	c.pieces = append(c.pieces[:0], b)
	return c.flush()
}

// flush hands the pieces to the kernel and returns when it has them all.
func (c *conn) flush() error {
	if len(c.pieces) > MaxPieces {
		return fmt.Errorf("netio: %d pieces gathered, want at most %d", len(c.pieces), MaxPieces)
	}
	total := 0
	for _, p := range c.pieces {
		if _, err := c.w.WriteBinary(p); err != nil {
			return lost(err)
		}
		total += len(p)
		if pad := -len(p) & (wire.Align - 1); pad != 0 {
			if _, err := c.w.WriteBinary(zeros[:pad]); err != nil {
				return lost(err)
			}
			total += pad
		}
	}
	now := c.link.ep.now.Load()
	c.writingSince.Store(now)
	err := c.w.Flush()
	c.writingSince.Store(0)
	c.lastSent.Store(now)
	clear(c.pieces)
	if err != nil {
		return lost(err)
	}
	c.link.stats.bytesOut.Add(uint64(total))
	c.link.stats.flushes.Add(1)
	return nil
}

var zeros [wire.Align]byte

func lost(err error) error { return fmt.Errorf("%w: %w", ErrLost, err) }

func (c *conn) readLoop() error {
	l := c.link
	maxFrame := l.ep.cfg.MaxFrameBytes
	r := c.np.Reader()
	var scratch []byte
	for {
		c.waitingSince.Store(l.ep.now.Load())
		head, err := r.Peek(wire.HeadLen)
		if err != nil {
			return c.inputEnded(err)
		}
		h, err := wire.ParseHead(head, maxFrame)
		if err != nil {
			return err
		}
		b, err := r.Next(h.Padded())
		if err != nil {
			return c.inputEnded(err)
		}
		c.waitingSince.Store(0)
		if c.abandoned.Load() {
			return ErrLost
		}
		l.stats.bytesIn.Add(uint64(len(b)))
		b, scratch = aligned(b[:h.Len], scratch)
		if err := c.take(h, b); err != nil {
			return err
		}
		if err := r.Release(); err != nil {
			return lost(err)
		}
	}
}

// inputEnded explains the end of input.
func (c *conn) inputEnded(err error) error {
	if n := c.np.Reader().Len(); n > 0 && !errors.Is(err, netpoll.ErrConnClosed) {
		return fmt.Errorf("%w: %d bytes into a unit: %w", ErrLost, n, err)
	}
	return lost(err)
}

// take hands one unit to who wants it.
func (c *conn) take(h wire.Head, b []byte) error {
	switch h.Type {
	case wire.TypePing, wire.TypeBye:
		if _, err := wire.Decode(b); err != nil {
			return err
		}
		if h.Type == wire.TypeBye {
			return ErrBye
		}
		return nil
	}
	if h.IsFrame() {
		c.link.stats.framesIn.Add(1)
	}
	return c.link.side.unit(h, b)
}

// overdue judges the connection at the time now: whether it must end, or else whether a PING is due.
func (c *conn) overdue(now int64) (err error, ping bool) {
	cfg := &c.link.ep.cfg
	if t := c.waitingSince.Load(); t != 0 && now-t > int64(cfg.Silence) {
		return fmt.Errorf("%w for %v, want a unit within %v", ErrSilent, ns(now-t), cfg.Silence), false
	}
	if t := c.writingSince.Load(); t != 0 && now-t > int64(cfg.WriteTimeout) {
		return fmt.Errorf("%w for %v, want within %v", ErrStalled, ns(now-t), cfg.WriteTimeout), false
	}
	if n := c.np.Reader().Len(); n > cfg.MaxBufferedBytes {
		return fmt.Errorf("%w: %d bytes unread, want at most %d", ErrFlood, n, cfg.MaxBufferedBytes), false
	}
	return nil, now-c.lastSent.Load() >= int64(cfg.PingEvery)
}

// watch acts on overdue.
func (c *conn) watch(now int64) {
	err, ping := c.overdue(now)
	if err != nil {
		c.cut(err)
	} else if ping {
		c.pingDue.Store(true)
		c.link.Wake()
	}
}
