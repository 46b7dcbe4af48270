package netio

import (
	"errors"
	"fmt"
	"time"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Config is what an Endpoint needs to know. Zero values stand for the defaults.
type Config struct {
	wire.Identity
	// Listen is the address to accept links at, host:port; port 0 takes a free one. Empty: this endpoint only dials.
	Listen string

	MaxFrameBytes int // longest frame taken from a peer; 4 MiB
	FlushBytes    int // about the most bytes in one flush; 1 MiB
	// MaxBufferedBytes bounds the input that lies in netpoll's buffers because Incoming.Frame is slow; 1 GiB. Credit keeps it far below.
	MaxBufferedBytes int
	SocketBytes      int // of the kernel's buffers, each way; 0 leaves that to the kernel

	HelloTimeout  time.Duration // from the connection to the end of the hello; 5 s
	MaxHandshakes int           // accepted connections that have not finished their hello; 64
	PingEvery     time.Duration // after so long without sending, a PING; 1 s
	Silence       time.Duration // longest wait for the next whole unit; 10 s
	WriteTimeout  time.Duration // longest flush; 10 s
	BackoffMin    time.Duration // wait after the first failed connection; 10 ms
	BackoffMax    time.Duration // doubled up to this; 1 s

	Events Events
}

// Events are called when something happens to links, from their goroutines. They must return soon and not call the Endpoint, save
// for Counters. Nil ones are skipped. No correctness depends on them.
type Events struct {
	Up   func(l *Link, connection uint64, remote string)
	Down func(l *Link, connection uint64, err error)
	// Refused: a stranger's hello was refused (link is nil), or ours was (link is set). err says with what words, or why it could not be read.
	Refused func(l *Link, remote string, reason wire.Reason, err error)
	// Retry: a connection could not be made; the next attempt comes after wait.
	Retry func(l *Link, err error, wait time.Duration)
}

func (c *Config) setDefaults() {
	def(&c.MaxFrameBytes, 4<<20)
	def(&c.FlushBytes, 1<<20)
	def(&c.MaxBufferedBytes, 1<<30)
	def(&c.MaxHandshakes, 64)
	def(&c.HelloTimeout, 5*time.Second)
	def(&c.PingEvery, time.Second)
	def(&c.Silence, 10*time.Second)
	def(&c.WriteTimeout, 10*time.Second)
	def(&c.BackoffMin, 10*time.Millisecond)
	def(&c.BackoffMax, time.Second)
}

func def[T int | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// validate reports all complaints at once.
func (c *Config) validate() error {
	var errs []error
	complain := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	complain(c.Job == "" || len(c.Job) > wire.MaxNameLen, "job name of %d bytes, want 1 to %d", len(c.Job), wire.MaxNameLen)
	complain(len(c.Token) == 0 || len(c.Token) > wire.MaxNameLen, "token of %d bytes, want 1 to %d", len(c.Token), wire.MaxNameLen)
	complain(c.Incarnation == 0, "incarnation 0, want at least 1")
	complain(c.MaxFrameBytes < frame.HeaderLen, "frames of at most %d bytes, want at least %d", c.MaxFrameBytes, frame.HeaderLen)
	complain(c.FlushBytes < 1, "flushes of %d bytes, want at least 1", c.FlushBytes)
	complain(c.MaxBufferedBytes < c.MaxFrameBytes+wire.Align, "%d bytes of input buffer, want more than a frame of %d", c.MaxBufferedBytes, c.MaxFrameBytes)
	complain(c.MaxHandshakes < 1, "%d handshakes at a time, want at least 1", c.MaxHandshakes)
	complain(c.SocketBytes < 0, "socket buffers of %d bytes", c.SocketBytes)
	for _, d := range []struct {
		name string
		d    time.Duration
	}{{"hello timeout", c.HelloTimeout}, {"ping interval", c.PingEvery}, {"write timeout", c.WriteTimeout}, {"backoff", c.BackoffMin}} {
		complain(d.d <= 0, "%s %v, want above 0", d.name, d.d)
	}
	complain(c.Silence <= c.PingEvery, "silence of %v with pings every %v, want more", c.Silence, c.PingEvery)
	complain(c.BackoffMax < c.BackoffMin, "backoff from %v up to %v", c.BackoffMin, c.BackoffMax)
	if len(errs) > 0 {
		return fmt.Errorf("netio: bad configuration: %w", errors.Join(errs...))
	}
	return nil
}
