package latency

import (
	"sync/atomic"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/wire"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/journal"
	"github.com/streamscope/streamscope/ringlog/replica"
	"github.com/streamscope/streamscope/state/snapshot"
	"github.com/streamscope/streamscope/vertex/runtime"
)

// peer keeps the journal of the sources: a node of its own, that does nothing else, at the other end of a loopback connection.
type peer struct {
	owner, holder *netio.Endpoint
	streams       *replica.Node // of the owner
	in, out       atomic.Pointer[netio.Link]
	journal       *journal.Peers
}

var (
	ownerMember = replica.Member{Node: 0, Life: 1}
	peerMember  = replica.Member{Node: 1, Life: 1}
)

func newPeer() (p *peer, err error) {
	p = &peer{}
	p.streams = replica.New(replica.Config{Self: ownerMember, Wake: func(frame.NodeID) { wake(&p.out) }, Changed: func() { p.journal.Living(p.streams.Linked()) }})
	listen := func(m replica.Member, addr string) (*netio.Endpoint, error) {
		return netio.Listen(netio.Config{Identity: wire.Identity{Job: "latency/copies", Node: m.Node, Incarnation: m.Life, Token: []byte("here")}, Listen: addr})
	}
	if p.holder, err = listen(peerMember, "127.0.0.1:0"); err != nil {
		return nil, err
	}
	if p.owner, err = listen(ownerMember, ""); err != nil {
		p.holder.Close()
		return nil, err
	}
	return p, nil
}

func wake(l *atomic.Pointer[netio.Link]) {
	if l := l.Load(); l != nil {
		l.Wake()
	}
}

// recovery has the sources write their records to the peer. Nothing is marked, so no image is taken.
func (p *peer) recovery() *runtime.Recovery {
	return &runtime.Recovery{
		Save: func(_ int, _ frame.Tick, im snapshot.Image) { im.Release() },
		Lost: func(int, frame.Tick, error) {},
		Journal: func(stage int, changed func()) (runtime.Journal, []journal.Record, error) {
			p.journal = journal.OpenPeers(journal.PeersConfig{Streams: p.streams, Stage: stage, Self: ownerMember, K: 1, Changed: changed, Wish: p.activate})
			return p.journal, nil, nil
		},
	}
}

// activate does what a manager would.
func (p *peer) activate() {
	if s, ok := p.journal.Wanted(); ok {
		p.journal.Activated(s)
	}
}

// connect links the two, once the journal is open.
func (p *peer) connect() error {
	keeps := replica.New(replica.Config{Self: peerMember, Wake: func(frame.NodeID) { wake(&p.in) }})
	in, err := p.holder.Expect(netio.Peer{Node: ownerMember.Node, Incarnation: ownerMember.Life}, keeps.Incoming(ownerMember))
	if err != nil {
		return err
	}
	p.in.Store(in)
	in.Wake()
	out, err := p.owner.Dial(netio.Peer{Node: peerMember.Node, Incarnation: peerMember.Life, Addr: p.holder.Addr()}, p.streams.Outgoing(peerMember))
	if err != nil {
		return err
	}
	p.out.Store(out)
	out.Wake()
	return nil
}

func (p *peer) close() {
	p.owner.Close()
	p.holder.Close()
}
