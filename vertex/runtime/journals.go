package runtime

import (
	"fmt"
	"time"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/journal"
	"github.com/streamscope/streamscope/ringlog/replica"
)

// Journals has other nodes keep the journals of a node's source tasks, in the place of Recovery.Journal.
type Journals struct {
	Peers int // how many nodes keep each
	// Active are the active sets in the store, by stage. Members that are not among NodeConfig.Holders are lost.
	Active map[int]replica.Set
	// Wish is called, by any goroutine, when there is a set to be activated: see Node.Wanted.
	Wish func()
}

// journalPatience is how long a new life waits for those who keep what former ones have written down.
const journalPatience = 5 * time.Second

// recovery is the worker's, with the journals where they are to be.
func (n *Node) recovery() *Recovery {
	if n.cfg.Journals == nil {
		return n.cfg.Recovery
	}
	r := *n.cfg.Recovery
	r.Journal = n.copying.journal
	return &r
}

// journal is Recovery.Journal.
func (c *copying) journal(stage int, changed func()) (Journal, []journal.Record, error) {
	cfg := &c.node.cfg
	p := journal.OpenPeers(journal.PeersConfig{
		Streams: c.streams, Stage: stage, Self: replica.Member{Node: cfg.Node, Life: cfg.Incarnation}, K: cfg.Journals.Peers, Active: cfg.Journals.Active[stage],
		Living: members(cfg.Holders), Changed: changed, Wish: cfg.Journals.Wish, Fail: c.node.fail, Warn: c.node.warn,
	})
	c.journals.add(stage, p)
	timer := time.NewTimer(journalPatience)
	defer timer.Stop()
	select {
	case <-p.Done():
	case <-timer.C:
		return nil, nil, fmt.Errorf("the nodes that keep it did not answer within %v", journalPatience)
	}
	records, err := p.Records()
	if err != nil {
		last := frame.Tick(0)
		if images := cfg.Recovery.Images; images != nil && images[stage] != nil {
			last = images[stage].Tick
		}
		return nil, nil, fmt.Errorf("%w; the last tick that is known is %d, of the image that the stage goes on from; run again with --accept-gap to go on from there", err, last)
	}
	p.Living(c.streams.Linked())
	c.clock(func() *replica.Guard { return p.Guard })
	return p, records, nil
}

// clockEvery is how often journals and images look for members that do not keep up.
const clockEvery = 250 * time.Millisecond

// clock tells a guard the time, until the node stops.
func (c *copying) clock(of func() *replica.Guard) {
	time.AfterFunc(clockEvery, func() {
		select {
		case <-c.node.stop:
		default:
			of().Clock(nanotime())
			c.clock(of)
		}
	})
}

func members(peers []netio.Peer) (all []replica.Member) {
	for _, p := range peers {
		all = append(all, replica.Member{Node: p.Node, Life: p.Incarnation})
	}
	return all
}

// linksChanged tells the journals and images who is there.
func (c *copying) linksChanged() {
	for _, g := range c.guards() {
		g.Living(c.streams.Linked())
	}
}

// Kept is what peers keep of a stage on this node: the journal of its sources, or its images.
type Kept struct {
	Stage  int
	Images bool
}

// guards are those of all that peers keep.
func (c *copying) guards() map[Kept]*replica.Guard {
	all := map[Kept]*replica.Guard{}
	for stage, p := range c.journals.all() {
		all[Kept{stage, false}] = p.Guard
	}
	for stage, s := range c.images.all() {
		all[Kept{stage, true}] = s.Guard()
	}
	return all
}

// Wanted are the sets that are to be activated and are not yet, as far as is known.
func (n *Node) Wanted() map[Kept]replica.Set {
	wanted := map[Kept]replica.Set{}
	if n.copying == nil {
		return wanted
	}
	for k, g := range n.copying.guards() {
		if s, ok := g.Wanted(); ok {
			wanted[k] = s
		}
	}
	return wanted
}

// Activated says what an active set is.
func (n *Node) Activated(k Kept, s replica.Set) {
	if n.copying == nil {
		return
	}
	if g := n.copying.guards()[k]; g != nil {
		g.Activated(s)
	}
}

// JournalStats is what this node's journals have in the memory of peers, by stage.
func (n *Node) JournalStats() map[int]journal.Stats {
	stats := map[int]journal.Stats{}
	if n.copying == nil {
		return stats
	}
	for stage, p := range n.copying.journals.all() {
		stats[stage] = p.Stats()
	}
	return stats
}
