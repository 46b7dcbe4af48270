package manager

import (
	"cmp"
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
	// Command makes the command of a node's worker process, with neither files nor attributes set; nil: this binary with the argument "worker".
	Command func(frame.NodeID) *exec.Cmd
	// Host is where this manager listens for workers, unless it is to be outlived; "": on the loopback address.
	Host string
	// Stdin, if set, makes the standard input of each worker that ends with this process; nil: it is that of this process.
	Stdin func() (*os.File, error)
	// Stderr takes the lines that workers write on standard error, from several goroutines. It may be nil.
	Stderr io.Writer
	// Token is the secret that agents show; the same for all.
	Token string
	// Outlive, if set, has workers outlive this process, with recovery.
	Outlive *Outlive
}

// Outlive is how workers outlive their manager.
type Outlive struct {
	// Listener is where workers find this manager, Address the file that says so (rpc.Address), Patience how long they go on while nobody is there.
	Listener net.Listener
	Address  string
	Patience time.Duration
	// LogDir takes what they write on standard error.
	LogDir string
	// Survivors are the workers of earlier managers that are expected to attach.
	Survivors []Survivor
}

const (
	exitPatience   = 2 * time.Second // for a child to exit, and again between the end of its pipe and its kill
	attachPatience = time.Second     // for what a child said before it exited
)

// Processes hosts each worker in a child process of its own.
func Processes(s Spawn) func(Hub) (Host, error) {
	return func(hub Hub) (Host, error) {
		l, err := s.listen()
		if err != nil {
			return nil, err
		}
		h := &processes{spawn: s, hub: hub, children: map[frame.NodeID]*child{}, url: URL(l), left: make(chan struct{})}
		h.welcome()
		h.server = rpc.Server(h.handler())
		h.running.Go(func() {
			if err := h.server.Serve(boundedListener(l, connectionsMax)); !errors.Is(err, http.ErrServerClosed) {
				h.hub.Tell(control.Cancel{Reason: fmt.Sprintf("the manager cannot listen: %v", err)})
			}
		})
		return h, nil
	}
}

func (s *Spawn) listen() (net.Listener, error) {
	if s.Outlive != nil {
		return s.Outlive.Listener, nil
	}
	return Listen(s.Host)
}

// Loopback is the host that workers reach which share this process's network.
const Loopback = "127.0.0.1"

// Listen listens for workers at a host, on a port that is free; "": at Loopback.
func Listen(host string) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(cmp.Or(host, Loopback), "0"))
	if err != nil {
		return nil, fmt.Errorf("the manager cannot listen: %w", err)
	}
	return l, nil
}

// URL is where workers find a manager that listens there.
func URL(l net.Listener) string { return "http://" + l.Addr().String() }

type processes struct {
	spawn   Spawn
	hub     Hub
	server  *http.Server
	url     string
	running sync.WaitGroup
	left    chan struct{} // closed by Leave

	mu       sync.Mutex
	children map[frame.NodeID]*child // the newest by node; guarded by mu, entries stay
}

// child is one worker process, of this manager or of one before.
type child struct {
	incarnation frame.Incarnation
	pid         int
	kill        func()
	cmd         *exec.Cmd     // nil: of one before
	life        *os.File      // write end: its end tells the child that we are gone, unless it outlives us
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
	h.introduce(node, c)
	h.running.Go(func() { h.watch(node, c) })
	return nil
}

func (h *processes) launch(node frame.NodeID, i frame.Incarnation) (*child, error) {
	cmd, err := h.command(node)
	if err != nil {
		return nil, err
	}
	hear, life, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer hear.Close()
	c := &child{incarnation: i, cmd: cmd, life: life, exited: make(chan struct{}), stderr: tail{to: h.spawn.Stderr}}
	if err := h.connect(c, node); err != nil {
		life.Close()
		return nil, err
	}
	cmd.ExtraFiles = []*os.File{hear}
	err = cmd.Start()
	if theirs, ours := cmd.Stderr.(*os.File), c.stderr.from; theirs != ours {
		theirs.Close()
	}
	if in, ok := cmd.Stdin.(*os.File); ok && in != os.Stdin {
		in.Close()
	}
	if err != nil {
		life.Close()
		c.stderr.from.Close()
		return nil, err
	}
	c.pid, c.kill = cmd.Process.Pid, func() { _ = cmd.Process.Kill() } // it fails only if the process is gone already
	return c, nil
}

// introduce tells a process who it is. It may say hello at once, so that it has to be the node's child by then.
func (h *processes) introduce(node frame.NodeID, c *child) {
	hello := agent.Parent{URL: h.url, Token: h.spawn.Token, Node: node, Epoch: h.hub.Epoch(), Incarnation: c.incarnation}
	if o := h.spawn.Outlive; o != nil {
		hello.Address, hello.Patience = o.Address, o.Patience
	}
	if err := hello.Write(c.life); err != nil {
		// The child is gone already; watch tells how it ended.
		c.life.Close()
	}
}

// connect gives a child its standard files: those of this process and a pipe, or none and a file, if it may outlive this process.
func (h *processes) connect(c *child, node frame.NodeID) (err error) {
	if o := h.spawn.Outlive; o != nil {
		c.stderr.from, err = newLog(o.LogDir, node)
		c.cmd.Stderr = c.stderr.from
		return err
	}
	in := os.Stdin
	if h.spawn.Stdin != nil {
		if in, err = h.spawn.Stdin(); err != nil {
			return err
		}
	}
	var stderr *os.File
	if c.stderr.from, stderr, err = os.Pipe(); err != nil && in != os.Stdin {
		in.Close()
	}
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = in, os.Stdout, stderr
	return err
}

func (h *processes) command(node frame.NodeID) (*exec.Cmd, error) {
	if h.spawn.Command != nil {
		return h.spawn.Command(node), nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return exec.Command(self, "worker"), nil
}

// watch waits for the end of a child and tells it after all that the child has said.
func (h *processes) watch(node frame.NodeID, c *child) {
	var err error
	if h.spawn.Outlive == nil {
		c.stderr.copy()
		err = c.cmd.Wait()
	} else {
		read := make(chan struct{})
		ended := make(chan struct{})
		go func() {
			defer close(read)
			c.stderr.follow(0, ended, h.left)
		}()
		err = c.cmd.Wait()
		close(ended)
		<-read
	}
	c.life.Close()
	h.ended(node, c, err)
}

// ended tells the end of a worker.
func (h *processes) ended(node frame.NodeID, c *child, err error) {
	close(c.exited)
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
	text := fmt.Sprintf("worker %d (pid %d) %s", node, c.pid, how)
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
		c.kill()
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
			if c.life != nil {
				c.life.Close()
			}
		}
		if h.spawn.Outlive != nil || !exited(children) {
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

// Leave implements Host.
func (h *processes) Leave() {
	if h.spawn.Outlive == nil {
		h.Close()
		return
	}
	close(h.left)
	_ = h.server.Close()
}
