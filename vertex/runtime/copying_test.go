package runtime

import (
	"context"
	"testing"
)

// Each of several streams that find no room for copies gives up when the time is over, not the first alone.
func TestNoRoomForCopiesEnds(t *testing.T) {
	n := &Node{wakes: []chan struct{}{make(chan struct{}, 1)}}
	ctx, cancel := context.WithCancel(context.Background())
	n.wake(0)
	if !n.roomFor(ctx, 0) {
		t.Error("a wake did not end the waiting")
	}
	cancel()
	for range 3 {
		if n.roomFor(ctx, 0) {
			t.Error("there was room")
		}
	}
}
