package netio_test

import (
	"context"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/netiotest"
)

func TestMain(m *testing.M) {
	if err := netio.Configure(netio.Global{Pollers: 1, Log: io.Discard}); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// loopback is a netiotest.Net of endpoints in this process.
type loopback struct {
	t       *testing.T
	changed chan struct{}
	nodes   []*netio.Endpoint
	links   sync.WaitGroup
}

func newLoopback(t *testing.T) netiotest.Net {
	leaks := goleak.IgnoreCurrent()
	n := &loopback{t: t, changed: make(chan struct{}, 1)}
	fds := openDescriptors(t)
	t.Cleanup(func() {
		for _, e := range n.nodes {
			e.Close()
		}
		n.links.Wait()
		goleak.VerifyNone(t, leaks, goleak.IgnoreAnyFunction("github.com/cloudwego/netpoll.(*defaultPoll).Wait"))
		if got := openDescriptors(t); got > fds+pollerDescriptors {
			t.Errorf("%d descriptors open, %d before", got, fds)
		}
	})
	return n
}

// pollerDescriptors is what netpoll opens once, for its one poller: an epoll and an eventfd.
const pollerDescriptors = 2

func openDescriptors(t *testing.T) int {
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(d)
}

func (n *loopback) Node(cfg netio.Config) netiotest.Node {
	cfg.Listen = "127.0.0.1:0"
	cfg.BackoffMin, cfg.BackoffMax = time.Millisecond, 4*time.Millisecond
	cfg.FlushBytes = 4096
	cfg.Events.Up = func(*netio.Link, uint64, string) { n.Changed() }
	cfg.Events.Down = func(*netio.Link, uint64, error) { n.Changed() }
	e, err := netio.Listen(cfg)
	if err != nil {
		n.t.Fatal(err)
	}
	n.nodes = append(n.nodes, e)
	return node{n, e}
}

func (n *loopback) Changed() {
	select {
	case n.changed <- struct{}{}:
	default:
	}
}

// Until waits for changes; that nothing can happen any more is for the test's own time limit to tell.
func (n *loopback) Until(what string, cond func() bool) {
	n.t.Log("until", what)
	for !cond() {
		select {
		case <-n.changed:
		case <-time.After(5 * time.Millisecond): // counters change without a call
		}
	}
}

type node struct {
	net *loopback
	*netio.Endpoint
}

func (n node) Dial(peer netio.Peer, out netio.Outgoing) (netiotest.Link, error) {
	l, err := n.Endpoint.Dial(peer, out)
	return n.watch(l, err)
}

func (n node) Expect(peer netio.Peer, in netio.Incoming) (netiotest.Link, error) {
	l, err := n.Endpoint.Expect(peer, in)
	return n.watch(l, err)
}

func (n node) watch(l *netio.Link, err error) (netiotest.Link, error) {
	if err != nil {
		return nil, err
	}
	n.net.links.Go(func() {
		<-l.Done()
		n.net.Changed()
	})
	return link{n.net, l}, nil
}

type link struct {
	net *loopback
	*netio.Link
}

func (l link) Ended() (error, bool) {
	select {
	case <-l.Done():
		return l.Err(), true
	default:
		return nil, false
	}
}

func (l link) Shut() {
	l.net.links.Go(func() { _ = l.Close(context.Background()) })
}

func TestConformance(t *testing.T) { netiotest.Run(t, newLoopback) }
