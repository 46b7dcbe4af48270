package shuffle

import (
	"encoding/json"
	"testing"
	"time"
)

func TestPolicies(t *testing.T) {
	for _, p := range []Policy{{}, {Keep: Recompute}, {Keep: Replicate, Copies: 1}, {Keep: Replicate, Copies: MostCopies}, {Keep: Persist}, {Keep: Persist, For: LeastFor}, {Keep: Persist, For: 36 * time.Hour}} {
		if got, err := ParsePolicy(p.String()); err != nil || got != p {
			t.Errorf("%v: read back as %v, %v", p, got, err)
		}
		var got struct{ P Policy }
		text, err := json.Marshal(struct{ P Policy }{p})
		if err == nil {
			err = json.Unmarshal(text, &got)
		}
		if err != nil || got.P != p {
			t.Errorf("%v: read back from %s as %v, %v", p, text, got.P, err)
		}
	}
	for _, bad := range []string{"", "off", "Retain", "replicate", "replicate=", "replicate=0", "replicate=9", "replicate=-1", "replicate=1x", "retain=1", "persist=", "persist=5", "persist=-1h", "persist=1ms"} {
		if p, err := ParsePolicy(bad); err == nil {
			t.Errorf("%q: read as %v", bad, p)
		}
	}
}
