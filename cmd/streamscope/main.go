package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/streamscope/streamscope/cmd/streamscope/options"
	"github.com/streamscope/streamscope/netio"
)

// The exit statuses.
const (
	statusOK      = 0
	statusFailure = 1
	statusUsage   = 2
	statusSignal  = 128 // plus the signal's number
)

func main() {
	// What netpoll would print of lost connections, links report as events.
	if err := netio.Configure(netio.Global{Log: io.Discard}); err != nil {
		fmt.Fprintln(os.Stderr, "streamscope:", err)
		os.Exit(1)
	}
	os.Exit(newApp().main(os.Args[1:]))
}

// app is the world as the commands see it; tests give another.
type app struct {
	stdout   io.Writer
	stderr   io.Writer
	terminal bool // stderr is one
	machine  options.Machine
	now      func() time.Time
	jobs     []jobInfo
	run      runFunc

	// log tells the last error, once a run has said how.
	log *slog.Logger
	// started is set once the command line was understood: errors before are usage errors.
	started bool
}

func newApp() *app {
	return &app{
		stdout:   os.Stdout,
		stderr:   os.Stderr,
		terminal: isTerminal(os.Stderr),
		machine:  options.Machine{Cores: runtime.GOMAXPROCS(0), TempDir: os.TempDir()},
		now:      time.Now,
		jobs:     jobs,
		run:      runEngine,
	}
}

// isTerminal tells whether a live line can be drawn there: some terminals have no size, some can only append.
func isTerminal(f *os.File) bool {
	width, height, err := term.GetSize(int(f.Fd()))
	return err == nil && width > 0 && height > 0 && os.Getenv("TERM") != "dumb"
}

// usageError is a fault of the command line.
type usageError struct{ error }

// main executes the command line and returns the exit status.
func (a *app) main(args []string) int {
	ctx, interrupts := catchSignals(context.Background(), func(status int) { os.Exit(status) })
	defer interrupts.stop()
	root := a.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	status := a.status(ctx, err)
	if err != nil {
		a.tell(err, status)
	}
	return status
}

func (a *app) status(ctx context.Context, err error) int {
	var usage usageError
	var interrupt interruptError
	switch {
	case err == nil:
		return statusOK
	case errors.As(context.Cause(ctx), &interrupt):
		return interrupt.status()
	case !a.started, errors.As(err, &usage):
		return statusUsage
	}
	return statusFailure
}

// tell writes the error as one line. Several complaints are joined: a script reads one line, a person all of them.
func (a *app) tell(err error, status int) {
	text := strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ")
	if status == statusUsage {
		text += " (see `streamscope help`)"
	}
	if a.log != nil {
		a.log.Error(text)
		return
	}
	fmt.Fprintf(a.stderr, "streamscope: %s\n", text)
}
