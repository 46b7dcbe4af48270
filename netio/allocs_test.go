//go:build !race

// netpoll has other code under the race detector, which allocates.

package netio_test

import (
	"runtime"
	"testing"

	"github.com/streamscope/streamscope/netio"
)

// What a frame costs in allocations on the whole way, both ends in this process.
func TestAllocationsPerFrame(t *testing.T) {
	const frames, frameLen = 20_000, 4096
	n := newLoopback(t).(*loopback)
	cfg := rawConfig()
	to := n.Node(cfg).(node)
	cfg.Node = 1
	from := n.Node(cfg).(node)
	h := &hose{frames: 8, step: frameLen, left: frames}
	for range h.frames {
		h.ring = append(h.ring, dataFrame(1, 1, frameLen)...)
	}
	d := &drain{want: frames, done: make(chan struct{})}
	if _, err := to.Endpoint.Expect(netio.Peer{Node: 1, Incarnation: 1}, d); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := from.Endpoint.Dial(netio.Peer{Node: 2, Incarnation: 1, Addr: to.Addr()}, h); err != nil {
		t.Fatal(err)
	}
	<-d.done
	runtime.ReadMemStats(&after)
	// Connecting allocates too, and so does netpoll when a pool was collected.
	if got := after.Mallocs - before.Mallocs; got > frames/10 {
		t.Errorf("%d allocations for %d frames", got, frames)
	}
}
