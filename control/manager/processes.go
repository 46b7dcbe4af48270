package manager

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/agent"
	"github.com/streamscope/streamscope/control/rpc"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Spawn is how worker processes are started.
type Spawn struct {
	// Command makes the command of a worker process, with neither files nor attributes set; nil: this binary with the argument "worker".
	Command func() *exec.Cmd
	// Stderr takes the lines that workers write on standard error. It may be nil.
	Stderr io.Writer
	// Token is the secret that agents show; the same for all.
	Token string
}

const (
	exitPatience   = 2 * time.Second // for a child to exit, and again between the end of its pipe and its kill
	attachPatience = time.Second     // for what a child said before it exited
)

// Processes hosts each worker in a child process of its own.
func Processes(s Spawn) func(Hub) (Host, error) {
	return func(hub Hub) (Host, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("the manager cannot listen: %w", err)
		}
		h := &processes{spawn: s, hub: hub, children: map[frame.NodeID]*child{}, url: "http://" + l.Addr().String()}
		h.server = rpc.Server(h.handler())
		h.running.Go(func() {
			if err := h.server.Serve(boundedListener(l, connectionsMax)); !errors.Is(err, http.ErrServerClosed) {
				h.hub.Tell(control.Cancel{Reason: fmt.Sprintf("the manager cannot listen: %v", err)})
			}
		})
		return h, nil
	}
}

type processes struct {
	spawn   Spawn
	hub     Hub
	server  *http.Server
	url     string
	running sync.WaitGroup

	mu       sync.Mutex
	children map[frame.NodeID]*child // the newest by node; guarded by mu, entries stay
}

// child is one worker process.
type child struct {
	incarnation frame.Incarnation
	cmd         *exec.Cmd
	life        *os.File      // write end: its end tells the child that we are gone
	exited      chan struct{} // closed when the process is gone
	attached    chan struct{} // closed when its connection has ended; nil while there was none. Guarded by processes.mu
	stderr      tail
}

// Start implements Host.
func (h *processes) Start(node frame.NodeID, i frame.Incarnation) error {
	c, err := h.launch(node, i)
	if err != nil {
		return fmt.Errorf("worker %d cannot start: %w", node, err)
	}
	h.mu.Lock()
	h.children[node] = c
	h.mu.Unlock()
	h.running.Go(func() { h.watch(node, c) })
	return nil
}

func (h *processes) launch(node frame.NodeID, i frame.Incarnation) (*child, error) {
	cmd, err := h.command()
	if err != nil {
		return nil, err
	}
	hear, life, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer hear.Close()
	errs, stderr, err := os.Pipe()
	if err != nil {
		life.Close()
		return nil, err
	}
	defer stderr.Close()
	cmd.ExtraFiles = []*os.File{hear}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, stderr
	c := &child{incarnation: i, cmd: cmd, life: life, exited: make(chan struct{}), stderr: tail{from: errs, to: h.spawn.Stderr}}
	if err := cmd.Start(); err != nil {
		life.Close()
		errs.Close()
		return nil, err
	}
	hello := agent.Parent{URL: h.url, Token: h.spawn.Token, Node: node, Epoch: h.hub.Epoch(), Incarnation: i}
	if err := hello.Write(life); err != nil {
		// The child is gone already; watch tells how it ended.
		life.Close()
	}
	return c, nil
}

func (h *processes) command() (*exec.Cmd, error) {
	if h.spawn.Command != nil {
		return h.spawn.Command(), nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return exec.Command(self, "worker"), nil
}

// watch waits for the end of a child and tells it after all that the child has said.
func (h *processes) watch(node frame.NodeID, c *child) {
	c.stderr.copy()
	err := c.cmd.Wait()
	close(c.exited)
	c.life.Close()
	h.mu.Lock()
	attached := c.attached
	h.mu.Unlock()
	if attached != nil {
		select {
		case <-attached:
		case <-time.After(attachPatience):
		}
	}
	h.hub.Tell(control.Lost{Node: node, Incarnation: c.incarnation, Reason: c.obituary(node, err), Clean: err == nil})
}

// obituary is one line on how a child ended.
func (c *child) obituary(node frame.NodeID, err error) string {
	how := "ended before its work was done"
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		how = "died: " + exit.ProcessState.String()
	case err != nil:
		how = "died: " + err.Error()
	}
	text := fmt.Sprintf("worker %d (pid %d) %s", node, c.cmd.Process.Pid, how)
	if last := c.stderr.lastWords(); last != "" {
		text += ": " + last
	}
	return text
}

// exited waits for all children, but not for ever.
func exited(children map[frame.NodeID]*child) bool {
	patience := time.NewTimer(exitPatience)
	defer patience.Stop()
	for _, c := range children {
		select {
		case <-c.exited:
		case <-patience.C:
			return false
		}
	}
	return true
}

// Kill implements Host.
func (h *processes) Kill(node frame.NodeID, i frame.Incarnation) {
	h.mu.Lock()
	c := h.children[node]
	h.mu.Unlock()
	if c != nil && (i == 0 || c.incarnation == i) {
		// It fails only if the process is gone already.
		_ = c.cmd.Process.Kill()
	}
}

// Close implements Host.
func (h *processes) Close() {
	h.mu.Lock()
	children := h.children
	h.mu.Unlock()
	// Those that were told to stop exit by themselves; the others hear the end of their pipe, or must be killed.
	if !exited(children) {
		for _, c := range children {
			c.life.Close()
		}
		if !exited(children) {
			for node := range children {
				h.Kill(node, 0)
			}
		}
	}
	for _, c := range children {
		<-c.exited
	}
	// An error is about a listener that is closed already.
	_ = h.server.Close()
	h.running.Wait()
}
