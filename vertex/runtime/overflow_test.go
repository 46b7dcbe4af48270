package runtime

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex/vertextest"
)

// TestOverflowIsToldExactly steps a worker whose arena is hardly large enough for its ticks, or not, with nothing to spill to, in any order: as long as it
// can go on, no tick is said not to fit; once nothing can go on, it is said so, and it never does go on.
func TestOverflowIsToldExactly(t *testing.T) {
	fitted, stuck := 0, 0
	for seed := range uint64(80) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			if overflows(t, seed) {
				stuck++
			} else {
				fitted++
			}
		})
	}
	if fitted < 10 || stuck < 10 {
		t.Errorf("%d runs fitted, %d did not: want 10 of each at least", fitted, stuck)
	}
}

func overflows(t *testing.T, seed uint64) bool {
	rng := rand.New(rand.NewPCG(seed, 11))
	src := &vertextest.MemorySource{MaxRead: 1 + rng.IntN(500)}
	for range 1 + rng.IntN(3) {
		src.Rows = append(src.Rows, testRows(rng, 2000+rng.IntN(12_000)))
	}
	cores := 1 + rng.IntN(2)
	arena, err := ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: 64 << 10, LimitBytes: int64(2*cores+rng.IntN(8)) * 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	var sink *vertextest.MemorySink
	w, err := NewWorker(Config{
		Plan: threeStages(src, &sink, 1+rng.IntN(9), rng.IntN(2) == 0), JobID: 1, Nodes: 1, Cores: cores, Incarnation: 1, Schedule: Schedule{Bytes: 1 << (12 + rng.IntN(8))},
		Admission: Admission{Ticks: 1 + rng.IntN(20), Bytes: 1 + rng.IntN(400_000)}, FrameBytes: 2048 + rng.IntN(30_000), CreditBytes: 1 << 16, LeaseBytes: 1 << rng.IntN(20),
		Arena: arena, Sums: true, Pages: func(int) state.Pages { return nil }, Nanotime: func() int64 { return 0 },
		Wake: func(int) {}, WakePeer: func(frame.NodeID) {}, Fail: func(err error) { t.Error(err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if err := arena.Close(); err != nil {
			t.Error(err)
		}
	}()
	told := false
	for idle := 0; !w.Done(); {
		worked := arena.Step()
		for _, c := range rng.Perm(cores) {
			ok, err := w.Core(c).Step(1)
			if err != nil {
				t.Fatal(err)
			}
			worked = worked || ok
		}
		if o, ok := w.Exchange().Overflow(); ok {
			told = true
		} else if told {
			t.Fatalf("told of an overflow, and it went on: %+v, arena %+v", o, arena.Stats())
		}
		if idle++; worked {
			idle = 0
		} else if idle > 20 {
			if !told {
				t.Fatalf("a standstill that is not told: sources at %d, arena %+v", w.owned.sources[0].closed, arena.Stats())
			}
			return true
		}
	}
	if told {
		t.Fatal("told of an overflow, and all was done")
	}
	return false
}

// TestTickTooLargeIsNamed: workers without a spill directory end at once, and say which tick does not fit, between which stages.
func TestTickTooLargeIsNamed(t *testing.T) {
	for _, count := range []int{1, 2} {
		t.Run(fmt.Sprintf("nodes=%d", count), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(count), 5))
			src := &vertextest.MemorySource{MaxRead: 300, Rows: nil}
			for range 2 {
				src.Rows = append(src.Rows, testRows(rng, 100_000))
			}
			sinks := make([]*vertextest.MemorySink, count)
			var nodes []*Node
			var peers []netio.Peer
			for i := range count {
				n, err := NewNode(NodeConfig{
					Plan: threeStages(src, &sinks[i], 4, false), JobID: 1, Node: frame.NodeID(i), Nodes: count, Cores: 2, Incarnation: 1, Schedule: Schedule{Bytes: 1 << 30},
					Admission: Admission{Ticks: 64, Bytes: 1 << 20}, FrameBytes: 16 << 10, SegmentBytes: 64 << 10, CreditBytes: 64 << 10,
					ArenaBytes: 1 << 20, Token: "secret", Listen: "127.0.0.1:0", Sums: true,
					Pages: func(int) state.Pages { return &state.HeapPages{} },
				})
				if err != nil {
					t.Fatal(err)
				}
				nodes = append(nodes, n)
				peers = append(peers, netio.Peer{Node: frame.NodeID(i), Incarnation: 1, Addr: n.Addr()})
			}
			errs := make([]error, count)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var wg sync.WaitGroup
			for i, n := range nodes {
				if count > 1 {
					if err := n.Connect(peers); err != nil {
						t.Fatal(err)
					}
				}
				n.Start()
				wg.Go(func() {
					if errs[i] = n.Wait(ctx); errs[i] != nil {
						cancel() // the job ends with its first error
					}
				})
			}
			wg.Wait()
			named := false
			for i, n := range nodes {
				named = named || strings.Contains(fmt.Sprint(errs[i]), "tick 1 does not fit: what stage source sends to stage keyed has no room in the arena of 1048576 bytes")
				n.worker.Abort()
				if err := n.Stop(); err != nil {
					t.Error(err)
				}
			}
			if !named {
				t.Errorf("ended with %v", errs)
			}
		})
	}
}
