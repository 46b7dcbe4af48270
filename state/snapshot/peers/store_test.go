package peers_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/state/snapshot"
	"github.com/streamscope/streamscope/state/snapshot/peers"
	"github.com/streamscope/streamscope/state/snapshot/storetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/cloudwego/netpoll.(*defaultPoll).Wait"))
}

// newest is the store of whichever life of node 0 is the newest: there is no other that counts.
type newest struct{ c *cluster }

func (n newest) Open(name string) (snapshot.Object, error) { return n.c.store().Open(name) }
func (n newest) List(prefix string) ([]string, error)      { return n.c.store().List(prefix) }
func (n newest) Delete(name string) error                  { return n.c.store().Delete(name) }
func (n newest) Create(name string, write func(io.Writer) error) error {
	return n.c.store().Create(name, write)
}
func (n newest) Load(name string) ([]byte, snapshot.Version, error) { return n.c.store().Load(name) }
func (n newest) Swap(name string, old snapshot.Version, data []byte) (snapshot.Version, error) {
	return n.c.store().Swap(name, old, data)
}

// The kit sees another process as the next life of the same node, which has to have everything from its peers.
func TestConforms(t *testing.T) {
	for k := 1; k <= 2; k++ {
		t.Run(fmt.Sprintf("peers(%d)", k), func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) (snapshot.Store, func() snapshot.Store) {
				c := newCluster(t, 3, k)
				return newest{c}, func() snapshot.Store {
					c.again(0)
					return newest{c}
				}
			})
		})
	}
}

func put(s snapshot.Store, name string, content []byte) error {
	return s.Create(name, func(w io.Writer) error {
		for b := content; len(b) > 0; {
			n := min(len(b), 3000)
			if _, err := w.Write(b[:n]); err != nil {
				return err
			}
			b = b[n:]
		}
		return nil
	})
}

func get(s snapshot.Store, name string) ([]byte, error) {
	o, err := s.Open(name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
	return b, errors.Join(err, o.Close())
}

// Any node is lost, again and again, with K members: the owner, a member, or, where there are two, one and then the owner before anybody has taken its place. What was stored is
// there, as in a map, and what was deleted is not.
func TestLossesAgainstMap(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { lose(t, seed) })
	}
}

func lose(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 16))
	k := 1 + int(seed%2)
	c := newCluster(t, 3+rng.IntN(2), k)
	want := map[string][]byte{}
	for range 40 {
		s, name := c.store(), fmt.Sprintf("a/%d", rng.IntN(8))
		content := bytes.Repeat([]byte{byte(rng.Uint32())}, rng.IntN(40_000))
		switch _, version, err := s.Load("m"); rng.IntN(8) {
		case 0, 1, 2:
			if err := put(s, name, content); errors.Is(err, snapshot.ErrExists) != (want[name] != nil) || err != nil && want[name] == nil {
				t.Fatalf("create %s: %v", name, err)
			} else if err == nil {
				want[name] = content
			}
		case 3:
			c.must(s.Delete(name))
			delete(want, name)
		case 4:
			if err != nil && !errors.Is(err, snapshot.ErrNotFound) {
				t.Fatal(err)
			}
			_, err = s.Swap("m", version, content)
			c.must(err)
			want["m"] = content
		case 5:
			c.again(0)
		case 6:
			c.again(frame.NodeID(1 + rng.IntN(len(c.procs)-1)))
			c.must(put(c.store(), "settled", []byte("x"))) // by members that are there
			c.must(c.store().Delete("settled"))
		case 7:
			if k == 2 { // both go before anybody has taken a place
				n := frame.NodeID(1 + rng.IntN(2))
				c.procs[n].kill()
				c.again(0)
				c.again(n)
				c.must(put(c.store(), "settled", []byte("x")))
				c.must(c.store().Delete("settled"))
			}
		}
		for name, content := range want {
			if got, err := get(c.store(), name); err != nil || !bytes.Equal(got, content) {
				t.Fatalf("%s: %d bytes, %v; want %d", name, len(got), err, len(content))
			}
		}
		if names, err := c.store().List(""); err != nil || len(names) != len(want) {
			t.Fatalf("%q, %v; want %d names", names, err, len(want))
		}
	}
	held := int64(0)
	for _, content := range want {
		held += int64(len(content) + (len(content)/1000+2)*peers.EntryOverhead)
	}
	if used := c.procs[0].room.Used(); used > held {
		t.Errorf("%d bytes are kept, want at most %d", used, held)
	}
}

// A life that was overtaken stores nothing any more, and says so; what the one after it has is not touched.
func TestFormerLifeIsFenced(t *testing.T) {
	c := newCluster(t, 2, 1)
	c.patience = time.Second // it may have no link on which it would be told
	former := c.again(0)
	c.must(put(former.store.Load(), "x", []byte("one")))
	c.start(0, 3)
	if err := put(former.store.Load(), "y", []byte("two")); err == nil {
		t.Error("a life that was overtaken has stored an object")
	}
	if b, err := get(c.store(), "x"); err != nil || string(b) != "one" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := get(c.store(), "y"); !errors.Is(err, snapshot.ErrNotFound) {
		t.Errorf("y: %v, want nothing", err)
	}
	former.kill()
}

// What does not fit is refused in words, takes no room, and hurts nothing else; with room again it fits.
func TestNoRoom(t *testing.T) {
	c := newCluster(t, 2, 1)
	c.room = 100_000
	c.again(0)
	c.must(put(c.store(), "a", make([]byte, 60_000)))
	used := c.procs[0].room.Used()
	if err := put(c.store(), "b", make([]byte, 60_000)); !errors.Is(err, peers.ErrNoRoom) {
		t.Fatalf("%v, want no room", err)
	}
	if got := c.procs[0].room.Used(); got != used {
		t.Errorf("%d bytes are kept after an object that did not fit, want %d", got, used)
	}
	c.must(c.store().Delete("a"))
	c.must(put(c.store(), "b", make([]byte, 60_000)))
	c.again(0)
	if b, err := get(c.store(), "b"); err != nil || len(b) != 60_000 {
		t.Errorf("%d bytes, %v", len(b), err)
	}
}

// With the owner and all members lost, nothing is there, and the reason is told; the store goes on empty.
func TestAllLost(t *testing.T) {
	c := newCluster(t, 3, 2)
	c.must(put(c.store(), "a", []byte("x")))
	for n := range c.procs {
		c.procs[n].kill()
	}
	for n := 2; n >= 0; n-- {
		c.again(frame.NodeID(n))
	}
	_, err := get(c.store(), "a")
	if !errors.Is(err, snapshot.ErrNotFound) || !bytes.Contains([]byte(err.Error()), []byte("all peers that kept it are lost")) {
		t.Errorf("%v, want that all are lost", err)
	}
	c.must(put(c.store(), "a", []byte("y")))
}
