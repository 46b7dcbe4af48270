package simnet_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/netiotest"
	"github.com/streamscope/streamscope/netio/simnet"
)

// world is a netiotest.Net of simulated nodes.
type world struct {
	t   *testing.T
	net *simnet.Net
	r   *rand.Rand
}

func (w *world) Node(cfg netio.Config) netiotest.Node { return node{w.net.Node(cfg)} }
func (w *world) Changed()                             {}

const maxSteps = 1_000_000

func (w *world) Until(what string, cond func() bool) {
	w.t.Helper()
	for range maxSteps {
		if cond() {
			return
		}
		if !w.net.Step(w.r) {
			w.t.Fatalf("nothing can happen any more until %s", what)
		}
	}
	w.t.Fatalf("%d steps were not enough until %s", maxSteps, what)
}

type node struct{ *simnet.Node }

func (n node) Dial(peer netio.Peer, out netio.Outgoing) (netiotest.Link, error) {
	l, err := n.Node.Dial(peer, out)
	return link{l}, err
}

func (n node) Expect(peer netio.Peer, in netio.Incoming) (netiotest.Link, error) {
	l, err := n.Node.Expect(peer, in)
	return link{l}, err
}

type link struct{ *simnet.Link }

func (l link) Shut() { l.Close() }

func TestConformance(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			netiotest.Run(t, func(t *testing.T) netiotest.Net {
				return &world{t, &simnet.Net{}, rand.New(rand.NewPCG(seed, 0))}
			})
		})
	}
}
