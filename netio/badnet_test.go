package netio_test

import (
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/netiotest"
)

// badNet is a loopback whose nodes are reached through a wire that does bad things to connections.
type badNet struct {
	*loopback
	behave behaviour
	silent bool // nodes miss their peers after a short while
	wires  []*badWire
}

// behaviour draws what happens to one direction of a connection.
type behaviour func(rng *rand.Rand) passage

// passage is how a direction passes bytes on.
type passage struct {
	chunk func() int           // how many bytes at once
	delay func() time.Duration // before each chunk
	ends  int                  // bytes after which it ends, 0: never
	mute  bool                 // it ends by silence, with the connection open; else by a reset
}

var never = func() time.Duration { return 0 }

var behaviours = map[string]behaviour{
	"one byte at a time": func(*rand.Rand) passage {
		left := 3000 // then the rest would take long
		return passage{delay: never, chunk: func() int {
			if left--; left > 0 {
				return 1
			}
			return 16 << 10
		}}
	},
	"delays": func(rng *rand.Rand) passage {
		return passage{
			chunk: func() int { return 1 + rng.IntN(20_000) },
			delay: func() time.Duration { return time.Duration(rng.IntN(500_000)) },
		}
	},
	"resets": func(rng *rand.Rand) passage {
		return passage{delay: never, chunk: func() int { return 1 + rng.IntN(3000) }, ends: 1 + rng.IntN(60_000)}
	},
	"silence": func(rng *rand.Rand) passage {
		return passage{delay: never, chunk: func() int { return 1 + rng.IntN(8000) }, ends: 1 + rng.IntN(80_000), mute: rng.IntN(2) == 0}
	},
}

// TestBadNetworks runs all parts of the kit that do not count connections over bad networks; goroutines and descriptors are counted at the end of each.
func TestBadNetworks(t *testing.T) {
	rounds := 1
	if factor, err := strconv.Atoi(os.Getenv("STREAMSCOPE_CRASH")); err == nil && factor > 0 {
		rounds = factor
	}
	for name, behave := range behaviours {
		t.Run(name, func(t *testing.T) {
			for range rounds {
				netiotest.RunUnreliable(t, func(t *testing.T) netiotest.Net {
					l := newLoopback(t).(*loopback)
					n := &badNet{loopback: l, behave: behave, silent: name == "silence"}
					t.Cleanup(n.end) // before that of the loopback, which counts
					return n
				})
			}
		})
	}
}

func (n *badNet) Node(cfg netio.Config) netiotest.Node {
	if n.silent {
		cfg.PingEvery, cfg.Silence = 20*time.Millisecond, 100*time.Millisecond
	}
	inner := n.loopback.Node(cfg).(node)
	w := n.newWire(inner.Addr())
	n.wires = append(n.wires, w)
	return badNode{inner, w}
}

// badNode is reached through a wire.
type badNode struct {
	node
	wire *badWire
}

func (n badNode) Addr() string { return n.wire.Addr().String() }

// badWire takes connections and passes them on to a node.
type badWire struct {
	net.Listener
	to      string
	behave  behaviour
	running sync.WaitGroup
	mu      struct {
		sync.Mutex
		rng   *rand.Rand
		conns map[net.Conn]bool
		ended bool
	}
}

func (n *badNet) newWire(to string) *badWire {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		n.t.Fatal(err)
	}
	seed, err := strconv.ParseUint(os.Getenv("STREAMSCOPE_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	n.t.Logf("seed: STREAMSCOPE_SEED=%d", seed)
	w := &badWire{Listener: ln, to: to, behave: n.behave}
	w.mu.rng, w.mu.conns = rand.New(rand.NewPCG(seed, uint64(len(n.wires)))), map[net.Conn]bool{}
	w.running.Go(w.accept)
	return w
}

func (w *badWire) accept() {
	for {
		c, err := w.Accept()
		if err != nil {
			return
		}
		d, err := net.Dial("tcp", w.to)
		if err != nil {
			c.Close()
			continue
		}
		if !w.keep(c, d) {
			return
		}
		w.running.Go(func() { w.pass(c, d) })
		w.running.Go(func() { w.pass(d, c) })
	}
}

// keep notes the two ends of a connection; false: it is over.
func (w *badWire) keep(ends ...net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range ends {
		if w.mu.ended {
			c.Close()
		} else {
			w.mu.conns[c] = true
		}
	}
	return !w.mu.ended
}

// draw draws the behaviour of a direction, with a source of its own.
func (w *badWire) draw() passage {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.behave(rand.New(rand.NewPCG(w.mu.rng.Uint64(), 0)))
}

// pass passes on what comes from one end to the other, until it ends.
func (w *badWire) pass(from, to net.Conn) {
	p, buf, passed := w.draw(), make([]byte, 64<<10), 0
	reset := false
	for {
		n, err := from.Read(buf[:min(p.chunk(), len(buf))])
		if d := p.delay(); d > 0 {
			<-time.After(d)
		}
		passed += n
		if p.ends > 0 && passed >= p.ends {
			if p.mute {
				_, _ = io.Copy(io.Discard, from) // and say nothing, until an end gives up
			}
			reset = !p.mute
			break
		}
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			break
		}
	}
	w.hangUp(from, reset)
	w.hangUp(to, reset)
}

func (w *badWire) hangUp(c net.Conn, reset bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.mu.conns[c] {
		return
	}
	delete(w.mu.conns, c)
	if reset {
		_ = c.(*net.TCPConn).SetLinger(0)
	}
	c.Close()
}

// end closes all wires.
func (n *badNet) end() {
	for _, w := range n.wires {
		w.Close()
		w.mu.Lock()
		w.mu.ended = true
		for c := range w.mu.conns {
			c.Close()
		}
		w.mu.Unlock()
		w.running.Wait()
	}
}
