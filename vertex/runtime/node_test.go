package runtime

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

// TestNodesOverLoopback runs the three stages on nodes that are driven by goroutines and linked over TCP.
func TestNodesOverLoopback(t *testing.T) {
	for _, schedule := range []Schedule{{Bytes: 4096}, {Length: time.Millisecond}} {
		for _, nodes := range []int{1, 2, 3} {
			t.Run(fmt.Sprintf("nodes=%d/%+v", nodes, schedule), func(t *testing.T) { runNodes(t, nodes, schedule, LinksTCP) })
		}
	}
}

func runNodes(t *testing.T, count int, schedule Schedule, links LinkMode) (shared int64) {
	rng := rand.New(rand.NewPCG(uint64(count), 5))
	src := &vertextest.MemorySource{MaxRead: 300, Stutter: 3}
	var want []string
	for range 2 {
		rows := testRows(rng, 20_000)
		src.Rows = append(src.Rows, rows)
		for i := range rows.N {
			want = append(want, line(rows, i))
		}
	}
	schedule.StartNs = time.Now().UnixNano()
	sinks := make([]*vertextest.MemorySink, count)
	var nodes []*Node
	var peers []netio.Peer
	for i := range count {
		n, err := NewNode(NodeConfig{
			Plan: threeStages(src, &sinks[i], 4, false), JobID: 1, Node: frame.NodeID(i), Nodes: count, Cores: 2, Incarnation: 1, Schedule: schedule,
			Admission: Admission{Ticks: 64, Bytes: 1 << 20}, FrameBytes: 16 << 10, SegmentBytes: 64 << 10, CreditBytes: 64 << 10,
			ArenaBytes: 4 << 20, SpillDir: t.TempDir(), Token: "secret", Listen: "127.0.0.1:0", Sums: true, Links: links,
			Pages: func(int) state.Pages { return &state.HeapPages{} },
		})
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, n)
		peers = append(peers, netio.Peer{Node: frame.NodeID(i), Incarnation: 1, Addr: n.Addr()})
	}
	var wg sync.WaitGroup
	for _, n := range nodes {
		if count > 1 {
			if err := n.Connect(peers); err != nil {
				t.Fatal(err)
			}
		}
		n.Start()
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			if err := n.Wait(ctx); err != nil {
				t.Errorf("node %d: %v\n%+v", n.cfg.Node, err, n.worker.Stats())
			}
		})
	}
	cuts := cutLinks(nodes, rng)
	wg.Wait()
	t.Logf("%d cuts", cuts())
	var got []string
	for i, n := range nodes {
		shared += n.SharedBytes()
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
		if sinks[i] == nil {
			continue
		}
		rows := sinks[i].Rows.View()
		for k := range rows.N {
			got = append(got, line(rows, k))
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("got %d rows, want %d", len(got), len(want))
	}
	return shared
}

// TestFailTask: a task that panics ends its node, which says which one.
func TestFailTask(t *testing.T) {
	src := &vertextest.MemorySource{Rows: []*batch.Batch{testRows(rand.New(rand.NewPCG(1, 5)), 1000)}, MaxRead: 300}
	var sink *vertextest.MemorySink
	n, err := NewNode(NodeConfig{
		Plan: threeStages(src, &sink, 4, false), JobID: 1, Nodes: 1, Cores: 2, Incarnation: 1, Schedule: Schedule{Bytes: 4096},
		Admission: Admission{Ticks: 64, Bytes: 1 << 20}, FrameBytes: 16 << 10, SegmentBytes: 64 << 10, CreditBytes: 64 << 10, ArenaBytes: 4 << 20,
		Pages: func(int) state.Pages { return &state.HeapPages{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	n.FailTask()
	n.Start()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := n.Wait(ctx); err == nil || !strings.Contains(err.Error(), "it was told to fail") {
		t.Errorf("got %v", err)
	}
	if err := n.Stop(); err != nil && !strings.Contains(err.Error(), "it was told to fail") {
		t.Error(err)
	}
}

// cutLinks cuts a link at random, again and again until the function it returns is called, which tells how often.
func cutLinks(nodes []*Node, rng *rand.Rand) (stop func() int) {
	quit, done := make(chan struct{}), make(chan int)
	go func() {
		cuts := 0
		tick := time.NewTicker(3 * time.Millisecond)
		defer tick.Stop()
		for {
			n := nodes[rng.IntN(len(nodes))]
			if l := n.links[0][rng.IntN(len(n.links[0]))].out.Load(); l != nil {
				l.Cut(errors.New("cut by the test"))
				cuts++
			}
			select {
			case <-quit:
				done <- cuts
				return
			case <-tick.C:
			}
		}
	}()
	return func() int {
		close(quit)
		return <-done
	}
}
