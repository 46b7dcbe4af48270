package manager

import (
	"context"
	"fmt"
	"sync"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/agent"
	"github.com/streamscope/streamscope/control/rpc"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// InProcess hosts workers as agents in this process. cfg is an agent's config without its node and epoch.
func InProcess(cfg agent.Config) func(Hub) (Host, error) {
	return func(hub Hub) (Host, error) {
		return &inProcess{hub: hub, cfg: cfg, cancels: map[frame.NodeID]context.CancelFunc{}}, nil
	}
}

type inProcess struct {
	hub     Hub
	cfg     agent.Config
	running sync.WaitGroup
	cancels map[frame.NodeID]context.CancelFunc // used by Run's goroutine alone
}

func (h *inProcess) Start(node frame.NodeID, i frame.Incarnation) error {
	ctx, cancel := context.WithCancel(context.Background())
	h.cancels[node] = cancel
	cfg := h.cfg
	cfg.Node, cfg.Epoch, cfg.Incarnation = node, h.hub.Epoch(), i
	up, down := rpc.Pipe(ctx)
	attached := make(chan struct{})
	h.running.Go(func() {
		defer close(attached)
		// The pipe ends with the agent; why the agent ended is what counts.
		_ = h.hub.Attach(node, down)
	})
	h.running.Go(func() {
		err := agent.Serve(ctx, up, cfg)
		cancel()
		<-attached // what the agent said comes before its end
		h.hub.Tell(control.Lost{Node: node, Incarnation: i, Reason: fmt.Sprintf("worker %d ended: %v", node, err)})
	})
	return nil
}

func (h *inProcess) Kill(node frame.NodeID, _ frame.Incarnation) {
	if cancel := h.cancels[node]; cancel != nil {
		cancel()
	}
}

// Leave implements Host: who lives in this process ends with it.
func (h *inProcess) Leave() { h.Close() }

func (h *inProcess) Close() {
	for _, cancel := range h.cancels {
		cancel()
	}
	h.running.Wait()
}
