package manager

import (
	"errors"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// Survivor is a worker process that an earlier manager has started. It is no child of this one.
type Survivor struct {
	Node        frame.NodeID
	Incarnation frame.Incarnation
	PID         int
	// Kill ends the process, and no other.
	Kill func()
	// Await returns when it is gone, or at the end of stop.
	Await func(stop <-chan struct{})
}

// welcome expects the workers that live on.
func (h *processes) welcome() {
	if h.spawn.Outlive == nil {
		return
	}
	for _, s := range h.spawn.Outlive.Survivors {
		c := &child{incarnation: s.Incarnation, pid: s.PID, kill: s.Kill, exited: make(chan struct{}), stderr: tail{to: h.spawn.Stderr}}
		h.children[s.Node] = c
		h.running.Go(func() { h.accompany(s, c) })
	}
}

// accompany is watch for a process that is not a child: of its end no more is known than what it wrote last.
func (h *processes) accompany(s Survivor, c *child) {
	gone := make(chan struct{})
	go func() {
		s.Await(h.left)
		close(gone)
	}()
	var end int64
	c.stderr.from, end = openLog(h.spawn.Outlive.LogDir, s.Node)
	c.stderr.follow(end, gone, h.left)
	<-gone
	if !closed(h.left) {
		h.ended(s.Node, c, errGone)
	}
}

// errGone is all that is known of the end of a process that is not a child.
var errGone = errors.New("it is gone")
