package connect

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrPipeClosed says that whoever read standard output has gone, as `head` does.
var ErrPipeClosed = errors.New("standard output: the reader has gone")

// pipeBytes is what a pipe that polls writable takes without blocking (PIPE_BUF).
const pipeBytes = 4096

// openStdout makes standard output an Output. It writes through a copy of the descriptor: on descriptor 1 itself the Go runtime
// would turn a closed pipe into a signal that ends the process.
func openStdout() (*Output, error) {
	fd, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("standard output: %w", err)
	}
	return &Output{Final: "standard output", f: os.NewFile(uintptr(fd), "standard output")}, nil
}

// WriteUntil writes all of p. When stop is closed it gives up a wait for the reader of a pipe.
func (o *Output) WriteUntil(p []byte, stop <-chan struct{}) error {
	if o.Temp != "" {
		_, err := o.Write(p)
		return err
	}
	for len(p) > 0 {
		fd := int(o.f.Fd())
		if err := wait(fd, unix.POLLOUT, stop); err != nil {
			return err
		}
		n, err := unix.Write(fd, p[:min(len(p), pipeBytes)])
		switch {
		case err == unix.EPIPE:
			return ErrPipeClosed
		case err != nil && err != unix.EINTR && err != unix.EAGAIN:
			return fmt.Errorf("standard output: cannot write: %w", err)
		}
		p = p[max(n, 0):]
	}
	return nil
}
