package hostlink

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle"
)

// Config is what a Host needs to know.
type Config struct {
	wire.Identity                // that of the node's links
	Arena         *ringlog.Arena // of the logs that the node's frames lie in
	MaxFrameBytes int            // longest frame taken from a peer; 0: 4 MiB
}

const (
	minBytes = 2 << 10         // shorter frames travel by value
	timeout  = 5 * time.Second // of a hello, and of asking for a descriptor

	// The bounds of what one connection may share, and of what is left of others.
	maxSlots       = 1 << 14
	maxConnected   = 256 // connections to the socket of descriptors
	maxOldSegments = 64  // of ended connections that may be held
)

const _ = uint(minBytes - frame.HeaderLen)

func (c *Config) setDefaults() error {
	if c.MaxFrameBytes == 0 {
		c.MaxFrameBytes = 4 << 20
	}
	if c.Arena == nil || len(c.Token) == 0 || c.Job == "" || c.MaxFrameBytes < frame.HeaderLen {
		return fmt.Errorf("hostlink: bad configuration: arena %v, token of %d bytes, job %q, frames of up to %d bytes, want at least %d",
			c.Arena != nil, len(c.Token), c.Job, c.MaxFrameBytes, frame.HeaderLen)
	}
	return nil
}

// Host is a node's end of sharing memory with other processes. Its methods may be called from anywhere.
type Host struct {
	cfg      Config
	key      wire.Key // of this life, drawn at random
	listener *net.UnixListener
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup
	places   chan struct{} // of connections to the socket

	stats struct{ sharedFrames, sharedBytes, valueFrames, mapped atomic.Int64 }

	awake  atomic.Int32               // cores that poll
	mailed atomic.Pointer[[]pollable] // the ends that share memory now; replaced as a whole

	mu struct {
		sync.Mutex
		senders   map[frame.NodeID]*sender
		receivers map[frame.NodeID]*receiver
	}
}

// Listen opens the node's socket of descriptors. The error is a bad configuration, or the system's.
func Listen(cfg Config) (*Host, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, err
	}
	h := &Host{cfg: cfg, places: make(chan struct{}, maxConnected)}
	h.mu.senders, h.mu.receivers = map[frame.NodeID]*sender{}, map[frame.NodeID]*receiver{}
	_, _ = rand.Read(h.key[:]) // never fails
	var err error
	if h.listener, err = net.ListenUnix("unix", address(&cfg.Identity, h.key)); err != nil {
		return nil, fmt.Errorf("hostlink: %w", err)
	}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.running.Add(1)
	go h.accept()
	return h, nil
}

// address is where the descriptors of the process with that key are had. Its name tells nobody the token.
func address(id *wire.Identity, k wire.Key) *net.UnixAddr {
	sum := sha256.Sum256(append(k[:], id.Token...))
	return &net.UnixAddr{Net: "unix", Name: "@streamscope-" + hex.EncodeToString(sum[:16])}
}

// Outgoing wraps what a link sends to a peer, for netio.Endpoint.Dial. There is one at a time per peer.
func (h *Host) Outgoing(peer netio.Peer, out netio.Outgoing) netio.Outgoing {
	s := &sender{host: h, inner: out, peer: peer}
	s.mu.slots = map[wire.Slot]*slot{}
	s.reverse = mailReader{host: h, take: s.mail, tell: s.tell, max: wire.MaxMessageLen}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.senders[peer.Node] = s
	return s
}

// Incoming wraps what a link receives from a peer, for netio.Endpoint.Expect.
func (h *Host) Incoming(peer netio.Peer, in shuffle.SharedIncoming) netio.Incoming {
	r := &receiver{host: h, inner: in, peer: peer}
	r.forward = mailReader{host: h, take: r.mail, tell: r.tell, max: h.cfg.MaxFrameBytes}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.receivers[peer.Node] = r
	return r
}

// Wake says that there is something to send to a node, either way: its links are woken, save where a core polls and finds it. It never blocks.
func (h *Host) Wake(n frame.NodeID) {
	h.mu.Lock()
	s, r := h.mu.senders[n], h.mu.receivers[n]
	h.mu.Unlock()
	if s != nil {
		s.want()
	}
	if r != nil {
		r.want()
	}
}

func (h *Host) sender(n frame.NodeID) *sender {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mu.senders[n]
}

// Close ends the socket and all its connections; links have to be closed before. It returns when the goroutines have ended.
func (h *Host) Close() error {
	h.cancel()
	err := h.listener.Close()
	h.running.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Stats counts frames since the beginning, and what is mapped now.
type Stats struct {
	SharedFrames, SharedBytes int64 // sent as references
	ValueFrames               int64 // sent by value on connections that share
	MappedSegments            int64 // of others
}

// Stats returns the counters.
func (h *Host) Stats() Stats {
	s := &h.stats
	return Stats{s.sharedFrames.Load(), s.sharedBytes.Load(), s.valueFrames.Load(), s.mapped.Load()}
}
