package replica

import (
	"math/rand/v2"
	"testing"

	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// crowd is a link on which streams of all kinds have more to say than it carries.
type crowd struct {
	node    *Node
	out     *outgoing
	rng     *rand.Rand
	streams []*crowded
	longest int // bytes of an entry on the link
}

// crowded is one of the streams, all of the same bytes.
type crowded struct {
	*Owned
	sizes []int // of entries, on the link
	seen  uint64
}

// page lends the same bytes for all entries.
type page []byte

func (p page) Lend(at frame.Pos, _ bool) (Lent, error) { return p[:at], nil }
func (p page) Bytes() []byte                           { return p }
func (p page) Release()                                {}

const crowdedPeer = 2

func newCrowd(t *testing.T, rng *rand.Rand) *crowd {
	t.Helper()
	c := &crowd{node: New(Config{Self: Member{1, 1}}), rng: rng}
	c.out = c.node.Outgoing(Member{crowdedPeer, 1}).(*outgoing)
	if err := c.out.Attach(wire.Hello{}); err != nil {
		t.Fatal(err)
	}
	longest := []int{64, 1 << 10, 64 << 10}[rng.IntN(3)]
	c.longest = frame.PadLen(wire.EntryHeadLen + longest)
	for k := Journal; k <= Images; k++ {
		for id := range 1 + uint32(rng.IntN(3)) {
			w := c.node.Own(Stream{Kind: k, ID: id}, OwnedConfig{MaxBytes: 1 << 40, WindowBytes: 1 << 40, Lender: make(page, longest)})
			w.SetPeers([]Member{c.out.peer})
			p := w.member(c.out.peer)
			if p.opened = true; p.Resume(0, 1) != nil {
				t.Fatal("the peer cannot begin")
			}
			c.streams = append(c.streams, &crowded{Owned: w})
		}
	}
	return c
}

// fill gives every stream of a kind more than two flushes take.
func (c *crowd) fill(t *testing.T, k Kind, maxBytes int) {
	t.Helper()
	for _, s := range c.streams {
		if s.Stream().Kind != k {
			continue
		}
		for due := s.unsaid(); due <= 2*max(maxBytes, c.longest); {
			size := 1 + c.rng.IntN(c.longest-wire.EntryHeadLen)
			tick := frame.Tick(len(s.sizes) + 1)
			if k == Log {
				s.Note(tick, frame.Pos(size), make([]byte, size))
			} else if _, err := s.Append(tick, make([]byte, size)); err != nil {
				t.Fatal(err)
			}
			s.sizes = append(s.sizes, frame.PadLen(wire.EntryHeadLen+size))
			due += size
		}
	}
}

func (s *crowded) unsaid() (n int) {
	for _, size := range s.sizes[s.peers[0].sent:] {
		n += size
	}
	return n
}

// flush has the link take what it does at a time, and returns how much of each kind that was. What has come is acknowledged.
func (c *crowd) flush(t *testing.T, maxBytes int) (sent [Images + 1]int) {
	t.Helper()
	c.out.Gather(nil, maxBytes)
	c.out.Sent(nil)
	for _, s := range c.streams {
		p := s.peers[0]
		for ; s.seen < p.sent; s.seen++ {
			sent[s.Stream().Kind] += s.sizes[s.seen]
		}
		if c.rng.IntN(4) > 0 {
			continue
		}
		if err := p.Copied(p.sent); err != nil {
			t.Fatal(err)
		}
	}
	return sent
}

// Under overload journals have most of a link, but neither copies nor images less than their share, whatever the sizes of entries and flushes.
func TestSharesUnderOverload(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 1))
		c := newCrowd(t, rng)
		maxBytes := 1 + rng.IntN(1<<(4+rng.IntN(14)))
		var sum [Images + 1]int
		total, slack := 0, 4*(maxBytes+c.longest)
		for total < 40*slack {
			for k := Journal; k <= Images; k++ {
				c.fill(t, k, maxBytes)
			}
			for k, n := range c.flush(t, maxBytes) {
				sum[k] += n
				total += n
			}
			// Of each kind those behind it leave it three quarters, and it leaves them one.
			for k, least := range [Images + 1]int{Journal: total * 9 / 16, Log: total * 3 / 16, Images: total / 4} {
				if sum[k] < least-slack {
					t.Fatalf("seed %d: flushes of %d bytes, entries of up to %d: of %d bytes journals had %d, copies %d, images %d",
						seed, maxBytes, c.longest, total, sum[Journal], sum[Log], sum[Images])
				}
			}
		}
	}
}

// A kind that did not wait has saved nothing up: what comes then does not stand before journals for more than its share.
func TestSharesAreNotSaved(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 2))
		c := newCrowd(t, rng)
		maxBytes := 1 + rng.IntN(1<<14)
		for range 50 {
			c.fill(t, Journal, maxBytes)
			if sent := c.flush(t, maxBytes); sent[Journal] == 0 {
				t.Fatalf("seed %d: a flush of %d bytes had %v", seed, maxBytes, sent)
			}
		}
		c.fill(t, Journal, maxBytes)
		c.fill(t, Images, maxBytes)
		if sent := c.flush(t, maxBytes); sent[Journal] == 0 || sent[Images] > 0 {
			t.Fatalf("seed %d: the first flush of %d bytes with images had %d bytes of journals, and %d of images", seed, maxBytes, sent[Journal], sent[Images])
		}
	}
}
