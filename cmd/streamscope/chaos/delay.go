package chaos

import (
	"container/heap"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// delay has all packets from and to a worker come later by a time, and by up to jitter more, each by another time: so they also overtake each other.
func (n *network) delay(node int, by, jitter, d time.Duration) error {
	var restore func() error
	return n.during(port(node), d, func(int) (err error) {
		restore, err = n.divert(node, by, jitter)
		return err
	}, func(int) error { return restore() })
}

// divert takes a worker's cable off the bridge, and has this process carry what comes out of it to the bridge, and back.
func (n *network) divert(node int, by, jitter time.Duration) (restore func() error, err error) {
	out, in := fmt.Sprint("out", node), fmt.Sprint("in", node)
	change := func(lines string) error { return tool(lines, "ip", "-n", n.hub(), "-batch", "-") }
	lines := fmt.Sprintf("link add %[1]s type veth peer name %[2]s\nlink set %[1]s arp off up\nlink set %[2]s master bridge up\nlink set %[3]s nomaster arp off\n", out, in, port(node))
	if err := change(lines); err != nil {
		return nil, err
	}
	c, err := carry(n.closed, netnsPath(n.hub()), [2]string{port(node), out}, by, jitter)
	if err != nil {
		return nil, err
	}
	return func() error {
		c.close()
		return change(fmt.Sprintf("link delete %s\nlink set %s arp on master bridge\n", out, port(node)))
	}, nil
}

// carrier carries packets between two devices, each a while after it came.
type carrier struct {
	stop    context.CancelFunc
	running sync.WaitGroup
}

const (
	// carrierPackets is how many packets may wait for their time, one way: what comes then is lost, as in any router.
	carrierPackets = 4096
	packetMax      = 1<<16 + 256
	// carrierLook is how often a carrier looks whether it is to end.
	carrierLook = 50 * time.Millisecond
)

// carry begins; it ends with the network, too. The devices are those of a namespace.
func carry(closed <-chan struct{}, netns string, devices [2]string, by, jitter time.Duration) (*carrier, error) {
	var ends [2]int
	for i, device := range devices {
		var err error
		if ends[i], err = openPackets(netns, device); err != nil {
			if i > 0 {
				err = errors.Join(err, unix.Close(ends[0]))
			}
			return nil, err
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	c := &carrier{stop: stop}
	var ways sync.WaitGroup
	for i := range ends {
		w := &way{from: ends[i], to: ends[1-i], by: by, jitter: jitter, more: make(chan struct{}, 1)}
		ways.Go(func() { w.receive(ctx) })
		ways.Go(func() { w.send(ctx) })
	}
	c.running.Go(func() {
		select {
		case <-closed:
		case <-ctx.Done():
		}
		stop()
		ways.Wait()
		for _, fd := range ends {
			_ = unix.Close(fd)
		}
	})
	return c, nil
}

// close ends it; packets that wait are lost.
func (c *carrier) close() {
	c.stop()
	c.running.Wait()
}

// openPackets returns a socket for all that a device of a namespace receives and sends, with the headers of virtio before packets: they say which sums and
// segments the kernel has left to do, and hand that on.
func openPackets(netns, device string) (fd int, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		fd, err = packetsHere(netns, device)
	}()
	<-done
	return fd, err
}

func packetsHere(netns, device string) (fd int, err error) {
	ns, err := os.Open(netns)
	if err != nil {
		return 0, err
	}
	defer ns.Close()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return 0, fmt.Errorf("entering %s: %w", netns, err)
	}
	protocol := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
	if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
		return 0, fmt.Errorf("packets of %s: %w", device, err)
	}
	index, err := indexOf(fd, device)
	for _, option := range []int{unix.PACKET_VNET_HDR, unix.PACKET_IGNORE_OUTGOING} {
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.SOL_PACKET, option, 1)
		}
	}
	if err == nil {
		look := unix.NsecToTimeval(carrierLook.Nanoseconds())
		err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &look)
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: index})
	}
	if err != nil {
		return 0, errors.Join(fmt.Errorf("packets of %s: %w", device, err), unix.Close(fd))
	}
	return fd, nil
}

// indexOf asks in the namespace of the socket.
func indexOf(fd int, device string) (int, error) {
	r, err := unix.NewIfreq(device)
	if err == nil {
		err = unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, r)
	}
	if err != nil {
		return 0, err
	}
	return int(r.Uint32()), nil
}

// way is one direction of a carrier.
type way struct {
	from, to   int
	by, jitter time.Duration
	more       chan struct{} // something waits that did not
	mu         sync.Mutex
	waiting    packets
}

// packets wait for their time, the next one first.
type packets []packet

type packet struct {
	due   time.Time
	bytes []byte
}

func (p packets) Len() int           { return len(p) }
func (p packets) Less(i, j int) bool { return p[i].due.Before(p[j].due) }
func (p packets) Swap(i, j int)      { p[i], p[j] = p[j], p[i] }
func (p *packets) Push(x any)        { *p = append(*p, x.(packet)) }
func (p *packets) Pop() any {
	last := (*p)[len(*p)-1]
	*p = (*p)[:len(*p)-1]
	return last
}

// receive takes packets until it is to end, or the device is gone.
func (w *way) receive(ctx context.Context) {
	buf := make([]byte, packetMax)
	for ctx.Err() == nil {
		n, _, err := unix.Recvfrom(w.from, buf, 0)
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR), errors.Is(err, unix.ENETDOWN):
			continue
		case err != nil:
			return
		}
		late := w.by
		if w.jitter > 0 {
			late += time.Duration(rand.Int64N(int64(w.jitter)))
		}
		w.mu.Lock()
		if len(w.waiting) < carrierPackets {
			heap.Push(&w.waiting, packet{time.Now().Add(late), append([]byte(nil), buf[:n]...)})
		}
		w.mu.Unlock()
		select {
		case w.more <- struct{}{}:
		default:
		}
	}
}

// send sends each packet when its time has come.
func (w *way) send(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.more:
		case <-timer.C:
		}
		for {
			p, wait := w.next(time.Now())
			if p == nil {
				timer.Reset(wait)
				break
			}
			_, _ = unix.Write(w.to, p) // what a device does not take is lost
		}
	}
}

// next is the packet whose time has come, or how long to wait for it.
func (w *way) next(now time.Time) ([]byte, time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		return nil, time.Hour
	}
	if wait := w.waiting[0].due.Sub(now); wait > 0 {
		return nil, wait
	}
	return heap.Pop(&w.waiting).(packet).bytes, 0
}
