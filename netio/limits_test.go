package netio_test

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/netio"
	"github.com/streamscope/streamscope/netio/netiotest"
	"github.com/streamscope/streamscope/ringlog/frame"
)

// joined is a link from node 1 to node 2 over loopback.
type joined struct {
	net     *loopback
	out, in *netio.Link
	sender  *netiotest.Sender
	sink    *netiotest.Sink
}

func join(t *testing.T) joined {
	s := serve(t, rawConfig())
	cfg := rawConfig()
	cfg.Node = 1
	d := s.net.Node(cfg).(node)
	sender := netiotest.NewSender([]frame.EdgeID{1}, s.net.Changed)
	l, err := d.Dial(netio.Peer{Node: 2, Incarnation: 1, Addr: s.Addr()}, sender)
	if err != nil {
		t.Fatal(err)
	}
	sender.SetWake(l.Wake)
	return joined{s.net, l.(link).Link, s.in, sender, s.sink}
}

func TestManyReconnects(t *testing.T) {
	j := join(t)
	const cuts = 1000
	for i := range frame.Tick(cuts) {
		j.sender.Data(1, i+1, 2000)
		j.sender.Close(1, i+1, i+1)
		j.net.Until("the tick is executed", func() bool { return j.sink.Executed(1) == i+1 })
		j.out.Cut(netio.ErrLost)
		j.net.Until("both ends are detached", func() bool {
			return len(j.sender.Detached()) == int(i+1) && len(j.sink.Detached()) == int(i+1)
		})
	}
	for i, tick := range j.sink.Output(1) {
		if tick.Tick != frame.Tick(i+1) || !slices.Equal(tick.Frames, []int{0}) {
			t.Errorf("executed %v as number %d", tick, i)
		}
	}
}

// Sockets do not leak into child processes.
func TestCloseOnExec(t *testing.T) {
	j := join(t)
	j.net.Until("both ends are attached", func() bool { return j.sender.Attaches() == 1 && j.sink.Attaches() == 1 })
	j.sender.Data(1, 1, 2000)
	j.sender.Close(1, 1, 1)
	j.net.Until("the tick is executed", func() bool { return j.sink.Executed(1) == 1 })
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	sockets := 0
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil || fd <= 2 || !strings.HasPrefix(to, "socket:") {
			continue
		}
		sockets++
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("descriptor %d (%s) has flags %#x, %v", fd, to, flags, err)
		}
	}
	if sockets < 4 {
		t.Errorf("%d sockets seen, want two listeners and two ends", sockets)
	}
}
