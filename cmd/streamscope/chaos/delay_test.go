package chaos

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestChaosNetnsDelay: packets of a worker come late, both ways, and out of order; when it is over they come as before, and no device is left.
func TestChaosNetnsDelay(t *testing.T) {
	if err := CheckNetns(); err != nil {
		t.Skip(err)
	}
	n := emptyNetwork(fmt.Sprint("streamscope-delay-", os.Getpid()), 2, func(err error) { t.Error(err) })
	defer func() {
		if err := n.close(); err != nil {
			t.Error(err)
		}
	}()
	if err := n.build(); err != nil {
		t.Fatal(err)
	}
	a, b := socketIn(t, n, 0), socketIn(t, n, 1)
	if got := exchange(t, a, b, 10); len(got) != 10 {
		t.Fatalf("%d of 10 packets came", len(got))
	}
	const by, jitter = 20 * time.Millisecond, 40 * time.Millisecond
	restore, err := n.divert(1, by, jitter)
	if err != nil {
		t.Fatal(err)
	}
	for _, ends := range [][2]*net.UDPConn{{a, b}, {b, a}} {
		began := time.Now()
		got := exchange(t, ends[0], ends[1], 100)
		if took := time.Since(began); took < by {
			t.Errorf("packets came after %v, want %v at least", took, by)
		}
		if len(got) != 100 || slices.IsSorted(got) {
			t.Errorf("%d of 100 packets came, want all, out of order: %d", len(got), got)
		}
	}
	if err := restore(); err != nil {
		t.Fatal(err)
	}
	if got := exchange(t, b, a, 10); len(got) != 10 {
		t.Errorf("%d of 10 packets came when it was over", len(got))
	}
	if err := tool("", "ip", "-n", n.hub(), "link", "show", "out1"); err == nil {
		t.Error("a device is left")
	}
}

// socketIn opens a socket in the namespace of a worker.
func socketIn(t *testing.T, n *network, node int) *net.UDPConn {
	t.Helper()
	var c *net.UDPConn
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good
		var ns *os.File
		if ns, err = os.Open(netnsPath(n.of(node))); err != nil {
			return
		}
		defer ns.Close()
		if err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err == nil {
			c, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(workerHost(node))})
		}
	}()
	<-done
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// exchange sends numbered packets and returns the numbers in the order in which they came; what does not come within a long time is lost.
func exchange(t *testing.T, from, to *net.UDPConn, count int) (got []uint32) {
	t.Helper()
	for i := range count {
		if _, err := from.WriteTo(binary.LittleEndian.AppendUint32(nil, uint32(i)), to.LocalAddr()); err != nil {
			t.Fatal(err)
		}
	}
	if err := to.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	for range count {
		k, _, err := to.ReadFrom(buf)
		if err != nil {
			return got
		}
		got = append(got, binary.LittleEndian.Uint32(buf[:k]))
	}
	return got
}
