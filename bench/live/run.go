package live

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/streamscope/streamscope/control/events"
)

// waitDelay is how long standard error is read after the end of the manager, which its workers may have open.
const waitDelay = 10 * time.Second

// Run is a manager and its workers.
type Run struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
	heard  sync.WaitGroup
	exited chan struct{}
	err    error // valid once exited is closed
}

// Start starts the program with the arguments of `run` and `--events`. hear is told all that happens, in order, until the manager is
// gone.
func Start(ctx context.Context, exe string, args []string, hear func(events.Happening)) (*Run, error) {
	from, to, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer to.Close()
	r := &Run{exited: make(chan struct{})}
	r.cmd = exec.CommandContext(ctx, exe, append(args, "--events", "/dev/fd/3")...)
	r.cmd.ExtraFiles, r.cmd.Stderr = []*os.File{to}, &r.stderr
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r.cmd.Cancel = func() error { return syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL) } // its workers would outlive it
	r.cmd.WaitDelay = waitDelay
	if err := r.cmd.Start(); err != nil {
		from.Close()
		return nil, err
	}
	r.heard.Go(func() {
		defer from.Close()
		listen(from, hear)
	})
	go func() {
		if err := r.cmd.Wait(); err != nil {
			r.err = fmt.Errorf("the run failed: %w: %s", err, lastLine(r.stderr.String()))
		}
		r.heard.Wait()
		close(r.exited)
	}()
	return r, nil
}

// listen follows the events of a manager until it is gone.
func listen(r io.Reader, hear func(events.Happening)) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var h events.Happening
		if json.Unmarshal(lines.Bytes(), &h) == nil { // else it was cut off by a kill
			hear(h)
		}
	}
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

// PID is the manager's, and names its group.
func (r *Run) PID() int { return r.cmd.Process.Pid }

// Exited is closed when the manager is gone and all it said was heard.
func (r *Run) Exited() <-chan struct{} { return r.exited }

// Err says how the run ended; nil: well. Valid once Exited is closed.
func (r *Run) Err() error { return r.err }

// Kill ends the manager and the workers at once, and waits.
func (r *Run) Kill() {
	_ = syscall.Kill(-r.PID(), syscall.SIGKILL) // it fails only if all are gone
	<-r.exited
}
