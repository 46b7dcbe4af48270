package netio

import (
	"time"

	"golang.org/x/sys/unix"
)

// WatchAt looks at all connections as if d had passed since the last look.
func (e *Endpoint) WatchAt(d time.Duration) { e.watch(e.now.Load() + int64(d)) }

// Flushing tells whether the link's connection is in a flush that began after the first look of the watch.
func (l *Link) Flushing() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.conn != nil && l.mu.conn.writingSince.Load() != 0
}

// Unread is what lies in netpoll's buffer of the link's connection.
func (l *Link) Unread() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.conn == nil {
		return 0
	}
	return l.mu.conn.np.Reader().Len()
}

// Aligned is aligned.
func Aligned(b, scratch []byte) ([]byte, []byte) { return aligned(b, scratch) }

// LastConnection is the number of the newest hello that was taken.
func (l *Link) LastConnection() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.last
}

// Congestion is the kernel's algorithm for the connection at hand; empty without one.
func (l *Link) Congestion() (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.conn == nil {
		return "", nil
	}
	return unix.GetsockoptString(l.mu.conn.mu.fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION)
}
