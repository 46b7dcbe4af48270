package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// network is one of namespaces: a hub with a bridge, in which the manager runs, and one for each worker, with a cable to the bridge. Nothing of it
// is in the namespace of this process but the names of the others.
type network struct {
	name     string // the namespaces' names begin with it
	workers  int
	launcher string // starts a worker in its namespace

	closed  chan struct{}
	healing sync.WaitGroup
	fail    context.CancelCauseFunc // ends the run

	mu     sync.Mutex
	faults int             // so far, for names of tables
	busy   map[string]bool // what is hurt at the moment: one fault at a time each
}

// subnet is that of the bridge; it means nothing outside the namespaces.
const subnet = "10.99.0."

const managerHost = subnet + "1"

func workerHost(node int) string { return fmt.Sprint(subnet, node+2) }

// errNoNetwork begins what is missing for namespaces.
var errNoNetwork = errors.New("network namespaces cannot be had")

// CheckNetns says in words what is missing for Config.Netns: it tries once, since root may do less than that in a container.
var CheckNetns = sync.OnceValue(checkNetns)

func checkNetns() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: this is user %d, want root", errNoNetwork, os.Geteuid())
	}
	for tool, from := range map[string]string{"ip": "iproute2", "nft": "nftables", "nsenter": "util-linux"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%w: %v; install the package %s", errNoNetwork, err, from)
		}
	}
	n := emptyNetwork(fmt.Sprint("streamscope-check-", os.Getpid()), 2, func(error) {})
	err := n.build()
	if err == nil {
		err = n.drop(0, 1, 1, true, time.Hour)
	}
	if err = errors.Join(err, n.close()); err != nil {
		return fmt.Errorf("%w: %w", errNoNetwork, err)
	}
	return nil
}

func emptyNetwork(name string, workers int, fail context.CancelCauseFunc) *network {
	return &network{name: name, workers: workers, closed: make(chan struct{}), fail: fail, busy: map[string]bool{}}
}

// newNetwork makes the namespaces; dir has a name that is nobody else's.
func newNetwork(dir string, workers int, fail context.CancelCauseFunc) (n *network, err error) {
	if err := CheckNetns(); err != nil {
		return nil, err
	}
	n = emptyNetwork(filepath.Base(dir), workers, fail)
	n.launcher = filepath.Join(dir, "launch")
	script := fmt.Sprintf("#!/bin/sh\nnode=$1\nshift\nexport STREAMSCOPE_LISTEN_HOST=%s$((node + 2))\nexec nsenter --net=%s\"$node\" \"$@\"\n", subnet, netnsPath(n.name+"-"))
	if err := os.WriteFile(n.launcher, []byte(script), 0o755); err != nil {
		return nil, err
	}
	if err := n.build(); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", errNoNetwork, err), n.close())
	}
	return n, nil
}

func netnsPath(name string) string { return "/run/netns/" + name }

func (n *network) hub() string           { return n.name + "-hub" }
func (n *network) of(node int) string    { return fmt.Sprintf("%s-%d", n.name, node) }
func port(node int) (deviceOfHub string) { return fmt.Sprint("worker", node) }
func (n *network) namespaces() (ns []string) {
	ns = append(ns, n.hub())
	for node := range n.workers {
		ns = append(ns, n.of(node))
	}
	return ns
}

func (n *network) build() error {
	for _, ns := range n.namespaces() {
		if err := tool("", "ip", "netns", "add", ns); err != nil {
			return err
		}
	}
	// The bridge's address would be that of a port, and change when the port is taken off.
	lines := "link set lo up\nlink add bridge address 02:00:0a:63:00:01 type bridge\naddr add " + managerHost + "/24 dev bridge\nlink set bridge up\n"
	for node := range n.workers {
		lines += fmt.Sprintf("link add %[1]s type veth peer name eth0 netns %[2]s\nlink set %[1]s master bridge up\n", port(node), n.of(node))
	}
	if err := tool(lines, "ip", "-n", n.hub(), "-batch", "-"); err != nil {
		return err
	}
	for node := range n.workers {
		lines := "link set lo up\naddr add " + workerHost(node) + "/24 dev eth0\nlink set eth0 up\n"
		if err := tool(lines, "ip", "-n", n.of(node), "-batch", "-"); err != nil {
			return err
		}
	}
	return nil
}

// close removes the namespaces, and with them all cables and rules. Processes in them are gone, or lose their network.
func (n *network) close() error {
	close(n.closed)
	n.healing.Wait()
	var errs []error
	for _, ns := range n.namespaces() {
		if _, err := os.Stat(netnsPath(ns)); err == nil {
			errs = append(errs, tool("", "ip", "netns", "delete", ns))
		}
	}
	return errors.Join(errs...)
}

// command is that of the manager, in the hub.
func (n *network) command(exe string, args []string) (string, []string) {
	return "nsenter", append([]string{"--net=" + netnsPath(n.hub()), exe}, append(args, "--listen-host", managerHost, "--worker-launcher", n.launcher)...)
}

// down pulls the cable of a worker for a time. It is an error if it is pulled already.
func (n *network) down(node int, d time.Duration) error {
	set := func(state string) error { return tool("", "ip", "-n", n.hub(), "link", "set", port(node), state) }
	return n.during(port(node), d, func(int) error { return set("down") }, func(int) error { return set("up") })
}

// drop loses a share of the packets that a worker sends to another, and back if both.
func (n *network) drop(from, to, percent int, both bool, d time.Duration) error {
	rules := map[int]int{to: from}
	if both {
		rules[from] = to
	}
	each := func(line func(table string, from int) string) func(int) error {
		return func(id int) error {
			var errs []error
			for at, from := range rules {
				errs = append(errs, tool(line(fmt.Sprint("inet fault", id), from), "nsenter", "--net="+netnsPath(n.of(at)), "nft", "-f", "-"))
			}
			return errors.Join(errs...)
		}
	}
	return n.during(fmt.Sprint(min(from, to), "-", max(from, to)), d, each(func(table string, from int) string {
		return fmt.Sprintf("table %s { chain in { type filter hook input priority 0; ip saddr %s numgen random mod 100 <= %d drop; }; }", table, workerHost(from), percent-1)
	}), each(func(table string, _ int) string { return "delete table " + table }))
}

var errBusy = errors.New("it is hurt already")

// during hurts something and heals it after a time. What it cannot heal ends the run, which would wait for it for ever.
func (n *network) during(what string, d time.Duration, hurt, heal func(id int) error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.busy[what] {
		return errBusy
	}
	n.faults++
	id := n.faults
	if err := hurt(id); err != nil {
		n.fail(err)
		return err
	}
	n.busy[what] = true
	n.healing.Go(func() {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-n.closed:
			return // it goes with its namespace
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		if err := heal(id); err != nil {
			n.fail(err)
		}
		delete(n.busy, what)
	})
	return nil
}

// tool runs a command to its end with a text on its standard input.
func tool(stdin, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
