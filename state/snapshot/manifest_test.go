package snapshot

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/cespare/xxhash/v2"
)

// FuzzManifest: whatever a manifest says (its sum is made right), it is refused, or valid, and the same after it is written again.
func FuzzManifest(f *testing.F) {
	m := manifest{Version: manifestVersion, Job: 1, Task: 2, Generation: 3, Snapshots: []Entry{
		{Tick: 4, Full: true, File: "a" + fileSuffix, Bytes: 1000, Sum: 5, Hash: 6}, {Tick: 7, Base: 4, File: "b" + fileSuffix, Bytes: 1000},
	}}
	good, err := m.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good[:len(good)-sumLineBytes])
	f.Add([]byte(`{"version":1,"snapshots":[{"tick":1,"base":1,"file":"../x.snap","bytes":1000}]}`))
	f.Add([]byte(`{"version":1,"snapshots":[{"tick":5,"base":9,"file":"x.snap","bytes":1000},{"tick":9,"base":5,"file":"x.snap","bytes":1000}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := decodeManifest(fmt.Appendf(body[:len(body):len(body)], "sum %016x\n", xxhash.Sum64(body)))
		if err != nil {
			return
		}
		for _, e := range m.Snapshots {
			chain, err := m.chain(e.Tick)
			if err != nil || !chain[len(chain)-1].Full || len(chain) > maxChain {
				t.Fatalf("chain of tick %d: %v, %v", e.Tick, chain, err)
			}
		}
		b, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeManifest(b)
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%+v was written and came back as %+v, %v", m, again, err)
		}
	})
}
