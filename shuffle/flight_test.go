package shuffle

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/shuffle/batch"
)

// A flight beside a list of its frames, from which everything is counted anew.
func TestFlight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := flight{most: rapid.IntRange(0, 3).Draw(t, "most")}
		var want []lentFrame
		segments := func(log netio.LogID) map[ringlog.SegmentNumber]int {
			m := map[ringlog.SegmentNumber]int{}
			for _, l := range want {
				if l.ref.Log == log {
					m[l.number]++
				}
			}
			return m
		}
		t.Repeat(map[string]func(*rapid.T){
			"keep": func(t *rapid.T) {
				l := lentFrame{edge: frame.EdgeID(rapid.IntRange(0, 1).Draw(t, "edge")), kept: true,
					number: ringlog.SegmentNumber(rapid.IntRange(0, 4).Draw(t, "segment"))}
				l.ref.Log, l.ref.Tick = netio.LogID(rapid.IntRange(0, 1).Draw(t, "log")), frame.Tick(rapid.IntRange(1, 6).Draw(t, "tick"))
				in := segments(l.ref.Log)
				if got, may := f.admit(&l), in[l.number] > 0 || len(in) < f.most; got != may {
					t.Fatalf("admitted: %v, want %v", got, may)
				} else if got {
					f.frames, want = append(f.frames, l), append(want, l)
				}
			},
			"land": func(t *rapid.T) {
				e, upTo := frame.EdgeID(rapid.IntRange(0, 1).Draw(t, "edge")), frame.Tick(rapid.IntRange(0, 6).Draw(t, "tick"))
				var rest []lentFrame
				for _, l := range want {
					if l.edge != e || l.ref.Tick > upTo {
						rest = append(rest, l)
					}
				}
				if got, n := len(f.land(e, upTo, nil)), len(want)-len(rest); got != n {
					t.Fatalf("%d frames landed, want %d", got, n)
				}
				want = rest
			},
			"": func(t *rapid.T) {
				if got, all := fmt.Sprint(f.frames), fmt.Sprint(want); got != all {
					t.Fatalf("%v fly, want %v", got, all)
				}
				counted := 0
				for _, s := range f.segments {
					if counted++; s.frames != segments(s.log)[s.number] {
						t.Fatalf("segment %d of log %d counts %d frames, want %d", s.number, s.log, s.frames, segments(s.log)[s.number])
					}
				}
				if all := len(segments(0)) + len(segments(1)); counted != all || len(segments(0)) > f.most || len(segments(1)) > f.most {
					t.Fatalf("%d segments are counted, want %d, at most %d of a log", counted, all, f.most)
				}
			},
		})
	})
}

// What flights reserve never keeps an exchange from having its logs, nor takes more than half of what they leave.
func TestFlightSegments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cores, nodes := rapid.IntRange(1, 4).Draw(t, "cores"), rapid.IntRange(1, 4).Draw(t, "nodes")
		receive := rapid.IntRange(0, 4).Draw(t, "receive")
		least := cores*leastReserve + (nodes-1)*max(leastReserve, receive)
		limit := least + rapid.IntRange(0, 40).Draw(t, "spare")
		arena, err := ringlog.NewArena(ringlog.ArenaConfig{SegmentBytes: 64 << 10, LimitBytes: int64(limit) * 64 << 10, Backing: ringlog.Heap})
		if err != nil {
			t.Fatal(err)
		}
		x, err := NewExchange(ExchangeConfig{Cluster: Cluster{Nodes: nodes, Cores: cores}, Arena: arena, FrameBytes: netio.SpliceBytes, ReceiveReserve: receive})
		if err != nil {
			t.Fatalf("%d segments, of which logs need %d: %v", limit, least, err)
		}
		most := 0
		for _, o := range x.peers {
			if o != nil {
				most += o.mu.flight.most * cores
			}
		}
		if most > (limit-least)/2 {
			t.Errorf("%d segments may fly, want at most half of %d", most, limit-least)
		}
		if err := x.Close(); err != nil {
			t.Error(err)
		}
		if err := arena.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A tick that is larger than the memory is spilled, but for the frames that fly: those are intact when the peer reads them at last.
func TestFramesThatFlyStayWhereTheyAre(t *testing.T) {
	const rows, most = 40_000, 3
	edges := []Edge{{Schema: testSchema, Source: TaskRange{0, 1}, Destination: TaskRange{50, 4}, Keys: []int{0}, Unordered: true}}
	c := newTestCluster(t, Cluster{Nodes: 2, Cores: 1, Placed: oneNodeEach(2)}, edges, 64<<10, 8<<10, 1<<20, 12*64<<10, 1)
	l := &testLink{from: 1, to: 0, out: c.xs[1].peers[0], in: c.xs[0].from[1]}
	l.out.mu.flight.most = most
	l.attach(t)
	l.answer(t)
	p := c.xs[1].Port(0)
	b := batch.NewBuilder(testSchema)
	for seq := range int64(rows) {
		b.Reset()
		appendTestRow(b, seq, seq)
		retry(t, c.step[1], func() (bool, error) { return p.Append(0, 0, 1, b.View()) })
		l.gather(t, 1<<20)
	}
	p.Close(0, 0, 1, 1, 0, 1)
	retry(t, c.step[1], func() (bool, error) { return p.FlushAll() })
	l.gather(t, 1<<20)
	if flying, st := len(l.out.mu.flight.segments), c.xs[1].cfg.Arena.Stats(); flying != most || st.SpilledSegments == 0 {
		t.Errorf("frames of %d segments fly, want %d; %d segments were spilled, want some", flying, most, st.SpilledSegments)
	}
	for _, u := range l.wire {
		if err := l.in.Frame(u); err != nil {
			t.Fatal(err)
		}
	}
	l.answer(t)
	if n, leases := len(l.out.mu.flight.frames), c.xs[1].cfg.Arena.Stats().Leases; n != 0 || leases != 0 {
		t.Errorf("%d frames still fly, %d leases are held; the peer has closed their tick", n, leases)
	}
}
