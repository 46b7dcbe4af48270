package peers_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/state/snapshot"
)

// putWith stores an object, and has something happen when half of it was written.
func putWith(s snapshot.Store, name string, content []byte, happen func()) error {
	return s.Create(name, func(w io.Writer) error {
		_, err := w.Write(content[:len(content)/2])
		happen()
		if err == nil {
			_, err = w.Write(content[len(content)/2:])
		}
		return err
	})
}

// While an object is written members are lost, one after the other, and not replaced by lives of their own: it is stored all the same, by others, and is there
// when the owner is lost then.
func TestMembersLostDuringCreate(t *testing.T) {
	for k := 1; k <= 2; k++ {
		for lost := 1; lost <= 2; lost++ {
			t.Run(fmt.Sprintf("peers(%d), %d lost", k, lost), func(t *testing.T) {
				c := newCluster(t, k+3, k)
				before, content := bytes.Repeat([]byte("b"), 30_000), bytes.Repeat([]byte("c"), 200_000)
				c.must(put(c.store(), "before", before))
				c.must(putWith(c.store(), "x", content, func() {
					for range lost {
						m := c.store().Guard().Active().Members[0]
						c.procs[m.Node].kill()
						c.unlink(m.Node)
						c.must(put(c.store(), fmt.Sprint("after-", m.Node), nil)) // another has taken its place
					}
				}))
				c.again(0)
				for name, want := range map[string][]byte{"before": before, "x": content} {
					if got, err := get(c.store(), name); err != nil || !bytes.Equal(got, want) {
						t.Errorf("%s: %d bytes, %v, want %d", name, len(got), err, len(want))
					}
				}
			})
		}
	}
}

// The owner is lost while it writes an object, or between its object and its manifest: the next life has what counted, and stores the object again.
func TestOwnerLostDuringCreate(t *testing.T) {
	c := newCluster(t, 3, 1)
	content := bytes.Repeat([]byte("c"), 200_000)
	for life := range 4 {
		c.must(put(c.store(), fmt.Sprintf("kept-%d", life), content))
		_, version, err := c.store().Load("m")
		if err != nil && !errors.Is(err, snapshot.ErrNotFound) {
			t.Fatal(err)
		}
		_, err = c.store().Swap("m", version, []byte{byte(life)})
		c.must(err)
		former := c.store()
		if err := putWith(former, "x", content, func() { c.again(0) }); !errors.Is(err, snapshot.ErrUnavailable) {
			t.Fatalf("a life that was lost has stored an object: %v", err)
		}
		if b, _, err := c.store().Load("m"); err != nil || !bytes.Equal(b, []byte{byte(life)}) {
			t.Fatalf("the manifest is %v, %v", b, err)
		}
		if _, err := c.store().Open("x"); !errors.Is(err, snapshot.ErrNotFound) {
			t.Fatalf("half an object: %v", err)
		}
		c.must(put(c.store(), "x", content))
		c.must(c.store().Delete("x"))
		for i := range life + 1 {
			if b, err := get(c.store(), fmt.Sprintf("kept-%d", i)); err != nil || !bytes.Equal(b, content) {
				t.Fatalf("object %d: %d bytes, %v", i, len(b), err)
			}
		}
		c.again(frame.NodeID(1 + life%2))
		c.must(put(c.store(), fmt.Sprintf("settled-%d", life), nil))
	}
}
