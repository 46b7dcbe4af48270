package plane

import (
	"context"
	"testing"
)

func TestWideMeasures(t *testing.T) {
	s, err := (&wide{inProcess}).measure(context.Background(), brief)
	if err != nil || s.Value <= 0 || s.Ratios["peak_bytes"] < 1<<20 {
		t.Fatalf("got %+v, %v", s, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (&wide{inProcess}).measure(ctx, brief); err == nil {
		t.Error("no error, though the context had ended")
	}
}
