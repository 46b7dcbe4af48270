package plane

import (
	"context"
	"testing"
)

func TestChecksumsMeasures(t *testing.T) {
	s, err := (&checksums{tcp{start: inProcess, shape: tcpShape(false)}}).measure(context.Background(), 2*brief)
	if err != nil || s.Value <= 0 || s.Ratios["of_without"] <= 0 {
		t.Fatalf("got %+v, %v", s, err)
	}
}
