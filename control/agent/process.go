package agent

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"connectrpc.com/connect"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/rpc"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// Parent is what a worker process is told by the process that started it: one line of JSON on its file descriptor ParentFD, which then stays
// open for as long as the parent lives.
type Parent struct {
	URL   string // of the manager
	Token string
	Node  frame.NodeID
	Epoch control.Epoch
	// Incarnation of the worker; 0 without recovery.
	Incarnation frame.Incarnation `json:",omitempty"`
	// Address, if set, is the file in which the address of whoever manages the run stands (rpc.Address). The worker then outlives its manager, for
	// as long as Patience.
	Address  string        `json:",omitempty"`
	Patience time.Duration `json:",omitempty"`
}

// ParentFD is the descriptor that a worker process inherits.
const ParentFD = 3

// parentMaxBytes bounds the line.
const parentMaxBytes = 4096

// Write writes the line.
func (p Parent) Write(w io.Writer) error {
	line, err := json.Marshal(p)
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// readParent reads the line and returns what follows it.
func readParent(r io.Reader) (Parent, io.Reader, error) {
	var p Parent
	in := bufio.NewReaderSize(r, parentMaxBytes)
	line, err := in.ReadSlice('\n')
	if err != nil {
		return p, nil, fmt.Errorf("a worker is started by `run`, not by hand: nothing to read on descriptor %d: %w", ParentFD, err)
	}
	if err := json.Unmarshal(line, &p); err != nil {
		return p, nil, fmt.Errorf("a worker is started by `run`, not by hand: %w", err)
	}
	return p, in, nil
}

// ErrOrphan is the end of a worker that lost its parent.
var ErrOrphan = errors.New("the process of the manager is gone")

// graceOrphan is how long a worker that lost its parent may take to clean up.
const graceOrphan = 300 * time.Millisecond

// Process is the life of a worker process: it learns who its manager is, dials it and serves until it is told to stop or the parent is
// gone. cfg lacks node, epoch and PID. SIGINT is ignored: the parent, which gets it too, decides.
func Process(cfg Config) error {
	signal.Ignore(syscall.SIGINT)
	life := os.NewFile(ParentFD, "parent")
	if life == nil {
		return fmt.Errorf("a worker is started by `run`, not by hand: descriptor %d is not open", ParentFD)
	}
	defer life.Close()
	parent, rest, err := readParent(life)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	cfg.Node, cfg.Epoch, cfg.Incarnation, cfg.PID = parent.Node, parent.Epoch, parent.Incarnation, os.Getpid()
	if parent.Address != "" {
		// A hangup is the end of a terminal, and of the manager perhaps.
		signal.Ignore(syscall.SIGHUP)
		cfg.Successor, cfg.Patience = parent.successor, parent.Patience
		return Dial(ctx, parent, cfg)
	}
	go func() {
		// Whatever ends the read, nobody speaks to us any more.
		_, _ = io.Copy(io.Discard, rest)
		if ctx.Err() == nil {
			time.AfterFunc(graceOrphan, func() { os.Exit(1) })
			cancel(ErrOrphan)
		}
	}()
	return Dial(ctx, parent, cfg)
}

// successor connects to whoever manages the run now. The worker joins the process group of that manager, where the session is the same: what
// is done to the group is meant for all of the run.
func (p Parent) successor(ctx context.Context) (rpc.AgentConn, control.Epoch, error) {
	at, err := rpc.ReadAddress(p.Address, p.Token)
	if err != nil {
		return nil, 0, err
	}
	_ = syscall.Setpgid(0, at.Group)
	stream, end := call(ctx, at.URL, at.Token)
	context.AfterFunc(ctx, end)
	return stream, at.Epoch, nil
}

// Dial serves the manager that parent names, once the network lets it through.
func Dial(ctx context.Context, parent Parent, cfg Config) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reach(ctx, parent.URL, (&net.Dialer{}).DialContext)
	stream, end := call(ctx, parent.URL, parent.Token)
	defer end()
	return Serve(ctx, stream, cfg)
}

// call begins a stream to a manager. It has to be ended; errors of that say no more than those of the stream.
func call(ctx context.Context, url, token string) (rpc.AgentConn, func()) {
	var options []connect.ClientOption
	for _, o := range rpc.Options() {
		options = append(options, o)
	}
	http := rpc.Client()
	client := connect.NewClient[rpc.Up, rpc.Down](http, url+rpc.Procedure, options...)
	stream := client.CallBidiStream(ctx)
	rpc.SetToken(stream.RequestHeader(), token)
	return stream, func() {
		_ = stream.CloseRequest()
		_ = stream.CloseResponse()
		http.CloseIdleConnections()
	}
}
