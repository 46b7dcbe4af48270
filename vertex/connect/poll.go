package connect

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// pollMs bounds how long a read or write of a pipe goes on after its owner was closed.
const pollMs = 20

var errClosed = errors.New("closed")

// wait blocks until fd is ready for events or done is closed.
func wait(fd int, events int16, done <-chan struct{}) error {
	for {
		select {
		case <-done:
			return errClosed
		default:
		}
		p := []unix.PollFd{{Fd: int32(fd), Events: events}}
		n, err := unix.Poll(p, pollMs)
		if err != nil && err != unix.EINTR {
			return os.NewSyscallError("poll", err)
		}
		if n > 0 {
			return nil
		}
	}
}

// pollReader reads a descriptor that may keep a read waiting forever (a pipe, a terminal), and gives up when done is closed.
type pollReader struct {
	fd   int
	done <-chan struct{}
}

func (r *pollReader) Read(p []byte) (int, error) {
	for {
		if err := wait(r.fd, unix.POLLIN, r.done); err != nil {
			return 0, err
		}
		n, err := unix.Read(r.fd, p)
		switch {
		case err == unix.EINTR || err == unix.EAGAIN:
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}
