package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/streamscope/streamscope/bench/measure"
	"github.com/streamscope/streamscope/bench/rows"
)

// childArg makes this program the other process of a measurement.
const childArg = "child"

// receiver is the consuming end of a measurement, in the child process.
type receiver interface {
	addr() string
	// wait returns the sums when everything that was sent is read.
	wait(ctx context.Context) (rows.Sums, error)
	close()
}

// task is the one line that a child reads, as JSON.
type task struct {
	Transport string
	Size      int // rows of a message
}

// ready is the first line that a child writes.
type ready struct{ Addr string }

// result is the second one.
type result struct {
	Sums    rows.Sums
	CPU     time.Duration // of the process, since it was ready
	Message string        // an error, else empty
}

// serve is the child: it reads its task from in, writes two lines to out, and ends early when in does.
func serve(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("no task on standard input: %w", err)
	}
	var t task
	if err := json.Unmarshal(line, &t); err != nil {
		return fmt.Errorf("task: %w", err)
	}
	transport, ok := transports[t.Transport]
	if !ok || t.Size < 1 {
		return fmt.Errorf("task: unknown transport %q, or %d rows, want at least one", t.Transport, t.Size)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, lines) // ends with the parent
		cancel()
	}()
	r, err := transport.receive(t.Size)
	if err != nil {
		return err
	}
	defer r.close()
	say := json.NewEncoder(out)
	if err := say.Encode(ready{r.addr()}); err != nil {
		return err
	}
	cpu := measure.ProcessCPU()
	sums, err := r.wait(ctx)
	end := result{Sums: sums, CPU: measure.ProcessCPU() - cpu}
	if err != nil {
		end.Message = err.Error()
	}
	return errors.Join(err, say.Encode(end))
}

// child is a running child process.
type child struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	lines  *json.Decoder
	stderr bytes.Buffer
	addr   string
}

// start starts a child and waits until it listens.
func start(ctx context.Context, exe string, t task) (*child, error) {
	c := &child{cmd: exec.CommandContext(ctx, exe, childArg)}
	c.cmd.Stderr = &c.stderr
	var err error
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.lines = json.NewDecoder(stdout)
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	var r ready
	if err = json.NewEncoder(c.stdin).Encode(t); err == nil {
		err = c.lines.Decode(&r)
	}
	if err != nil {
		return nil, c.end(fmt.Errorf("child process: %w", err))
	}
	c.addr = r.Addr
	return c, nil
}

// result waits for what the child read.
func (c *child) result() (r result, err error) {
	if err := c.lines.Decode(&r); err != nil {
		return r, fmt.Errorf("child process: %w", err)
	}
	if r.Message != "" {
		return r, fmt.Errorf("child process: %s", r.Message)
	}
	return r, nil
}

// end closes the child's input, which makes it end, and waits. With an error, what it said last is added.
func (c *child) end(err error) error {
	_ = c.stdin.Close()
	if werr := c.cmd.Wait(); err == nil && werr != nil {
		err = fmt.Errorf("child process: %w", werr)
	}
	if said := strings.TrimSpace(c.stderr.String()); err != nil && said != "" {
		err = fmt.Errorf("%w (%s)", err, said)
	}
	return err
}
