package plane

import (
	"context"
	"testing"
)

func TestLinkMeasures(t *testing.T) {
	s, err := (&link{tcp{start: inProcess}}).measure(context.Background(), 2*brief)
	if err != nil || s.Value <= 0 {
		t.Fatalf("got %+v, %v", s, err)
	}
	if b := s.Ratios["link_bytes_per_row"]; b < 32 || b > 33 {
		t.Errorf("got %v bytes per row on the link, want the rows' 32 and a little for heads and credit", b)
	}
	if s.Ratios["of_net_buffers"] <= 0 || s.Ratios["of_busy_net_buffers"] <= 0 {
		t.Errorf("nothing to compare with: %+v", s.Ratios)
	}
}

func TestCancelledLinkSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (&link{tcp{start: inProcess}}).measure(ctx, brief); err == nil {
		t.Error("no error, though its context had ended")
	}
}

func BenchmarkLink(b *testing.B) { run(b, (&link{tcp{start: inProcess}}).measure) }
