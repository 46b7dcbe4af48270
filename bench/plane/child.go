package plane

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
)

// PeerArgs are the arguments that make this program run Peer.
var PeerArgs = []string{"bench", "peer"}

// child is a running Peer.
type child struct {
	stdin  io.WriteCloser
	lines  *json.Decoder
	wait   func() error // for its end
	stderr bytes.Buffer
	Addr   string
}

// startProcess starts this program as a peer.
func startProcess(ctx context.Context, exe string) (*child, error) {
	c := &child{}
	cmd := exec.CommandContext(ctx, exe, PeerArgs...)
	cmd.Stderr = &c.stderr
	c.wait = cmd.Wait
	var err error
	if c.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.lines = json.NewDecoder(stdout)
	return c, cmd.Start()
}

// begin gives the child its task and waits until it listens.
func (c *child) begin(task peerTask) (*child, error) {
	var ready peerReady
	err := json.NewEncoder(c.stdin).Encode(task)
	if err == nil {
		err = c.lines.Decode(&ready)
	}
	if err != nil {
		return nil, c.end(fmt.Errorf("child process: %w", err))
	}
	c.Addr = ready.Addr
	return c, nil
}

// result waits for the child's result and its end.
func (c *child) result() (r peerResult, err error) {
	err = c.lines.Decode(&r)
	if r.Message != "" {
		err = errors.New(r.Message)
	}
	return r, c.end(err)
}

// end closes the child's input, which makes it end, and waits. With an error, what it said last is added.
func (c *child) end(err error) error {
	_ = c.stdin.Close()
	werr := c.wait()
	if err == nil {
		err = werr
	}
	if said := strings.TrimSpace(c.stderr.String()); err != nil && said != "" {
		err = fmt.Errorf("%w (%s)", err, said)
	}
	return err
}
