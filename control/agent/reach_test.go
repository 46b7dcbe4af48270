package agent

import (
	"context"
	"net"
	"os"
	"syscall"
	"testing"
)

// TestReach: a worker waits for the network, and for nothing else.
func TestReach(t *testing.T) {
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	lost := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.EHOSTUNREACH)}
	for _, c := range []struct {
		name  string
		ctx   context.Context
		fails []error // of the tries, before one that succeeds
		want  int     // tries
	}{
		{"there", t.Context(), nil, 1},
		{"a cable that comes back", t.Context(), []error{lost, lost}, 3},
		{"gone", t.Context(), []error{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}}, 1},
		{"stopped", stopped, []error{lost, lost}, 1},
	} {
		tries := 0
		reach(c.ctx, "http://10.0.0.1:7", func(_ context.Context, _, address string) (net.Conn, error) {
			if address != "10.0.0.1:7" {
				t.Errorf("%s: dials %s", c.name, address)
			}
			tries++
			if tries <= len(c.fails) {
				return nil, c.fails[tries-1]
			}
			ours, theirs := net.Pipe()
			theirs.Close()
			return ours, nil
		})
		if tries != c.want {
			t.Errorf("%s: %d tries, want %d", c.name, tries, c.want)
		}
	}
}
