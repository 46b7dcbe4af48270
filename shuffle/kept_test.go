package shuffle

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/ringlog"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// What is kept is what was added and reaches beyond the need; room that is not used any more is given back.
func TestKept(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 3))
		var k kept
		var want []netio.Ref
		need, tick := frame.Tick(0), frame.Tick(1)
		for range 3 * keptSpare {
			r := netio.Ref{Pos: frame.Pos(rng.Uint64N(1 << 30)), Tick: tick, Last: tick + frame.Tick(rng.IntN(3)), Len: int32(64 + rng.IntN(4096))}
			tick += frame.Tick(rng.IntN(2))
			k.add(r)
			want = append(want, r)
			if rng.IntN(keptSpare/2) == 0 {
				need = max(need, tick-min(tick, frame.Tick(rng.IntN(200))))
				k.trim(need)
			}
		}
		want = slices.DeleteFunc(want, func(r netio.Ref) bool { return r.Last <= need })
		if got := slices.DeleteFunc(slices.Clone(k.refs), func(r netio.Ref) bool { return r.Last <= need }); !slices.Equal(got, want) || len(got) != len(k.refs) {
			t.Fatalf("seed %d: %d kept of which %d are needed, want %d", seed, len(k.refs), len(got), len(want))
		}
		k.trim(frame.MaxTick)
		if len(k.refs) != 0 || cap(k.refs) > keptSpare {
			t.Errorf("seed %d: %d left, with room for %d", seed, len(k.refs), cap(k.refs))
		}
	}
}

// What is told of an edge is the sum over its frames, each counted in its own segment.
func TestKeeps(t *testing.T) {
	layout, err := ringlog.NewLayout(ringlog.MinSegmentBytes)
	if err != nil {
		t.Fatal(err)
	}
	o := &outgoing{}
	o.mu.kept = make([]kept, 1)
	segments := map[netio.LogID]map[ringlog.SegmentNumber]uint64{0: {}, 1: {}}
	want := Kept{First: 7, Ends: 8}
	pos := [2]frame.Pos{}
	rng := rand.New(rand.NewPCG(1, 3))
	for i := range 200 {
		log := netio.LogID(rng.IntN(2))
		r := netio.Ref{Pos: pos[log], Tick: frame.Tick(7 + i/10), Last: frame.Tick(8 + i/10), Log: log, Len: int32(64 + rng.IntN(5000))}
		n, _ := layout.Split(r.Pos)
		segments[log][n] += uint64(r.Len)
		pos[log] += frame.Pos(8192)
		o.mu.kept[0].add(r)
		want.Bytes, want.Frames, want.Last = want.Bytes+uint64(r.Len), want.Frames+1, r.Last
	}
	got, pieces := o.keeps(Kept{}, layout, nil)
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for _, p := range pieces {
		if segments[p.log][p.segment] != p.bytes {
			t.Errorf("segment %d of log %d: got %d bytes, want %d", p.segment, p.log, p.bytes, segments[p.log][p.segment])
		}
		delete(segments[p.log], p.segment)
	}
	if len(segments[0])+len(segments[1]) != 0 {
		t.Errorf("not told of: %v", segments)
	}
}
