package plane

import (
	"context"
	"testing"
)

func TestVariantsMeasureEveryPoint(t *testing.T) {
	sizes, err := measureFrameSizes(context.Background(), 4*brief)
	if err != nil {
		t.Fatal(err)
	}
	scaling, err := measureScaling(3)(context.Background(), 2*brief)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range variants() {
		for _, p := range w.Points {
			got := sizes.Ratios[p.Of]
			if w.Name == "scaling" {
				got = scaling.Ratios[p.Of]
				if p.At > 3 {
					got = 1 // there are three cores
				}
			}
			if got <= 0 {
				t.Errorf("%s: no %s", w.Name, p.Of)
			}
		}
	}
	if scaling.Value != scaling.Ratios[coresRatio(2)] || scaling.Ratios[coresRatio(4)] != 0 || scaling.Ratios["of_linear"] <= 0 {
		t.Errorf("got %+v, want the value of two cores, the greatest power of two up to three", scaling)
	}
}
