package runtime

import (
	"fmt"
	"time"

	"github.com/streamscope/streamscope/ringlog/replica"
	"github.com/streamscope/streamscope/state/snapshot"
	"github.com/streamscope/streamscope/state/snapshot/peers"
)

// Images has other nodes keep the images of a node's units.
type Images struct {
	Peers int // how many nodes keep each
	// Active are the active sets in the store, by stage. Members that are not among NodeConfig.Holders are lost.
	Active map[int]replica.Set
	// MaxBytes bounds the images of this node that are kept here, and by each of its peers.
	MaxBytes int64
	// Wish is that of Journals.
	Wish func()
	// Open makes NodeConfig.Recovery, once the peers have given what former lives left. Its store is valid until the node has stopped.
	Open func(peers.Units) (*Recovery, error)
}

// imagePatience is how long peers may acknowledge nothing of an image, or give nothing of one, before it fails.
const imagePatience = 5 * time.Second

// imagePieceMax bounds a piece, which is copied as a whole here and there.
const imagePieceMax = 256 << 10

// openImages takes over the images that former lives have left, and has the node's past made of them.
func (c *copying) openImages() error {
	cfg := &c.node.cfg
	if cfg.Images == nil {
		return nil
	}
	for _, p := range cfg.Holders {
		c.node.warn(c.dial(p))
	}
	units, room := peers.Units{}, peers.NewRoom(cfg.Images.MaxBytes)
	for stage := range cfg.Plan.Stages {
		tasks := cfg.Plan.TasksOn(stage, cfg.Node, cfg.Nodes)
		if tasks.Count == 0 {
			continue
		}
		s := peers.Open(peers.Config{
			Streams: c.streams, Stage: stage, Self: replica.Member{Node: cfg.Node, Life: cfg.Incarnation}, K: cfg.Images.Peers, Active: cfg.Images.Active[stage],
			Living: members(cfg.Holders), PieceBytes: min(cfg.FrameBytes, imagePieceMax), Room: room, Patience: imagePatience, Wish: cfg.Images.Wish, Fail: c.node.fail, Warn: c.node.warn,
		})
		units[(&snapshot.Config{Job: snapshot.JobID(cfg.JobID), Task: tasks.First}).Folder()] = s
		c.images.add(stage, s)
	}
	for stage, s := range c.images.all() {
		if err := s.Wait(); err != nil {
			return fmt.Errorf("stage %s: %w", cfg.Plan.Stages[stage].Name, err)
		}
		c.clock(s.Guard)
	}
	r, err := cfg.Images.Open(units)
	if err != nil {
		return err
	}
	cfg.Recovery = r
	units.Begun()
	c.linksChanged()
	return nil
}

// ImageBytes is the memory that this node's own images take here, as far as peers keep them.
func (n *Node) ImageBytes() (all int64) {
	if n.copying == nil {
		return 0
	}
	for _, s := range n.copying.images.all() {
		all += s.Bytes()
	}
	return all
}
