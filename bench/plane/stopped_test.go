package plane

import (
	"context"
	"testing"
	"time"
)

// tightStopped has room for six segments, and credit for one frame.
func tightStopped(t *testing.T) shape {
	return shape{Tasks: 7, BatchRows: 100, TickRows: 300, FrameBytes: 4096, SegmentBytes: 64 << 10, ArenaBytes: 6 * 64 << 10, CreditBytes: 4096,
		Sums: true, SpillDir: t.TempDir()}
}

// TestAStoppedConsumerLosesNothing: rows pile up on disk while the consumer stands still, in no more segments than there may be, and all of
// them arrive when it goes on.
func TestAStoppedConsumerLosesNothing(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		shape := tightStopped(t)
		shape.Ordered = ordered
		s := &stopped{tcp: tcp{start: inProcess, shape: shape}}
		s.hold = func(ctx context.Context, n *node) error {
			for n.arena.Stats().SpilledBytes < 2*shape.ArenaBytes {
				if err := pause(ctx, time.Millisecond); err != nil {
					return err
				}
			}
			if st := n.arena.Stats(); st.PeakSegments > st.LimitSegments {
				t.Errorf("ordered %v: %d segments, want at most %d", ordered, st.PeakSegments, st.LimitSegments)
			}
			return nil
		}
		got, err := s.measure(context.Background(), 0)
		if err != nil || got.Ratios["rows_lost"] != 0 || got.Ratios["spilled_bytes"] <= 0 { // of what hold has seen the watch sees what is there when it looks
			t.Errorf("ordered %v: got %+v, %v", ordered, got, err)
		}
	}
}

// TestAPacedFeedIsCaughtUpWith: the consumer goes on while rows come, and reaches the newest tick.
func TestAPacedFeedIsCaughtUpWith(t *testing.T) {
	s := &stopped{tcp: tcp{start: inProcess, shape: tightStopped(t)}, rate: 1e5}
	s.hold = func(ctx context.Context, n *node) error { return pause(ctx, brief) }
	got, err := s.measure(context.Background(), 0)
	if err != nil || got.Value <= 0 || got.Ratios["rows_lost"] != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestCancelledStopSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := &stopped{tcp: tcp{start: inProcess, shape: tightStopped(t)}, rate: 1e5}
	s.hold = func(ctx context.Context, n *node) error { return pause(ctx, time.Hour) }
	if _, err := s.measure(ctx, 0); err == nil {
		t.Error("no error, though its context had ended")
	}
}
