package shuffle

import (
	"encoding/json"
	"testing"
)

func TestPolicies(t *testing.T) {
	for _, p := range []Policy{{}, {Keep: Recompute}, {Keep: Replicate, Copies: 1}, {Keep: Replicate, Copies: MostCopies}, {Keep: Persist}} {
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
	for _, bad := range []string{"", "off", "Retain", "replicate", "replicate=", "replicate=0", "replicate=9", "replicate=-1", "replicate=1x", "retain=1"} {
		if p, err := ParsePolicy(bad); err == nil {
			t.Errorf("%q: read as %v", bad, p)
		}
	}
}
