package plane

import (
	"context"
	"testing"
)

func TestShmMeasures(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		m := &shm{start: inProcess, shape: shmShape(ordered)}
		s, err := m.measure(context.Background(), brief)
		if err != nil || s.Value <= 0 {
			t.Fatalf("ordered %v: got %+v, %v", ordered, s, err)
		}
		shared := s.Ratios["shared_bytes_per_row"]
		if s.Ratios["link_bytes_per_row"]+shared < 32 {
			t.Errorf("ordered %v: %v bytes of a row were shared and %v crossed the link, want 32", ordered, shared, s.Ratios["link_bytes_per_row"])
		}
	}
}
