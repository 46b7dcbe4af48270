package manager

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// spare is a process that has been started and waits to be told who it is: to start a program takes longer than all that a new life does before it
// reads its image. Until it is told it is nobody: no node and no incarnation are its own, it opens nothing, and it ends with this process, since what it
// waits for is the line that a worker reads first (agent.Parent). Whoever takes its place is registered as ever (R35) before it hears of that.
type spare struct {
	child *child // nil: there is none
	// coming: one is there, or is about to be.
	coming bool
	// started is when a worker was started last. Whoever comes back then wants the processors.
	started time.Time
}

// spareLog takes what a process writes that waits.
func spareLog(dir string) string { return filepath.Join(dir, "worker-spare.log") }

// keepSpare sees to it that a process waits, some time after the start of a worker.
func (h *processes) keepSpare() {
	if h.spawn.SpareAfter == 0 || h.spawn.Outlive == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.spare.started = time.Now()
	if !h.spare.coming {
		h.spare.coming = true
		h.running.Go(h.prepare)
	}
}

// prepare starts a process that waits, once no worker has been started for a while. If it cannot be, the next worker is started as the first ones were.
func (h *processes) prepare() {
	if !h.quiet() {
		return
	}
	c, err := h.beginSpare()
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case err != nil:
		h.spare.coming = false
	case closed(h.over):
		c.discard()
	default:
		h.spare.child = c
	}
}

// quiet waits until no worker has been started for a while; false: all is over before.
func (h *processes) quiet() bool {
	for {
		h.mu.Lock()
		rest := h.spawn.SpareAfter - time.Since(h.spare.started)
		h.mu.Unlock()
		if rest <= 0 {
			return true
		}
		select {
		case <-time.After(rest):
		case <-h.over:
			return false
		}
	}
}

func (h *processes) beginSpare() (*child, error) {
	cmd, err := h.command(0)
	if err != nil {
		return nil, err
	}
	dir := h.spawn.Outlive.LogDir
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return h.begin(cmd, func(c *child) (err error) {
		c.stderr.from, err = createLog(spareLog(dir))
		c.cmd.Stderr = c.stderr.from
		return err
	})
}

// takeSpare returns the process that waits, its log now that of a node's worker; nil if there is none.
func (h *processes) takeSpare(node frame.NodeID) *child {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.spare.child
	if c == nil {
		return nil
	}
	h.spare.child, h.spare.coming = nil, false
	if closed(c.exited) {
		c.discard()
		return nil
	}
	dir := h.spawn.Outlive.LogDir
	if err := errors.Join(keepLog(dir, node), os.Rename(spareLog(dir), logPath(dir, node))); err != nil {
		c.discard()
		return nil
	}
	return c
}

// endSpare ends the process that waits; no other is started.
func (h *processes) endSpare() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.over)
	if h.spare.child != nil {
		h.spare.child.discard()
		_ = os.Remove(spareLog(h.spawn.Outlive.LogDir)) // nothing stands in it
	}
}

// discard ends a process that nobody has been told of.
func (c *child) discard() {
	c.kill()
	c.life.Close()
	c.stderr.from.Close()
}
