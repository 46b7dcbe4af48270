package engine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/control"
	"github.com/streamscope/streamscope/control/manager"
	"github.com/streamscope/streamscope/control/rpc"
	"github.com/streamscope/streamscope/ringlog/frame"
	"github.com/streamscope/streamscope/ringlog/vfs"
)

// aliveName and addressName are the folder of workers that live, and the manager's address, in a data directory.
const (
	aliveName   = "alive"
	addressName = "manager"
)

// presenceBytesMax bounds the file of a worker that lives.
const presenceBytesMax = 80

// presence shows that a worker lives: a file that is locked until it is closed, or the process ends.
type presence struct{ f *os.File }

// appear shows a worker in a data directory, and refuses to if another manager has taken over since the worker was started: one that takes over
// writes its address before it looks who lives, so that it sees this worker, or this worker sees the address.
func appear(dir, token string, a control.Assignment) (*presence, error) {
	folder := filepath.Join(dir, aliveName)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(folder, ".tmp-*")
	if err != nil {
		return nil, err
	}
	p := &presence{f}
	if err := p.show(filepath.Join(folder, fmt.Sprintf("%d.%d", a.Node, a.Incarnation))); err != nil {
		_ = os.Remove(f.Name())
		return nil, errors.Join(err, f.Close())
	}
	if now, err := rpc.ReadAddress(filepath.Join(dir, addressName), token); err == nil && now.Epoch > a.Epoch {
		return nil, errors.Join(fmt.Errorf("worker %d: the manager of epoch %d has taken over from that of %d", a.Node, now.Epoch, a.Epoch), f.Close())
	}
	return p, nil
}

// show locks the file before it gets its name: under that it is never seen unlocked while the worker lives.
func (p *presence) show(path string) error {
	if err := unix.Flock(int(p.f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return err
	}
	began, err := startTime(os.Getpid())
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(p.f, "%d %d\n", os.Getpid(), began); err != nil {
		return err
	}
	return os.Rename(p.f.Name(), path)
}

// close ends it. The file stays for a manager to find unlocked.
func (p *presence) close() error { return p.f.Close() }

// startTime is when a process began, in the kernel's ticks since the machine did: with it a pid names one process for ever.
func startTime(pid int) (uint64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name of the program stands in parentheses, and may hold anything.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	const began = 19 // of those behind the name
	if len(fields) <= began {
		return 0, fmt.Errorf("/proc/%d/stat: got %d fields behind the name, want more than %d", pid, len(fields), began)
	}
	return strconv.ParseUint(string(fields[began]), 10, 64)
}

// whoLives lists the workers of a data directory that live, and removes what others have left.
func whoLives(dir string) ([]manager.Survivor, error) {
	folder := filepath.Join(dir, aliveName)
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var all []manager.Survivor
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		if lives, err := locked(path); err != nil {
			return nil, err
		} else if !lives {
			if err := os.Remove(path); err != nil {
				return nil, err
			}
			continue
		}
		if strings.HasPrefix(e.Name(), ".") {
			continue // its worker is about to see that another manager has taken over
		}
		s, err := readPresence(path, e.Name())
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// locked tells whether the process of a file lives.
func locked(path string) (bool, error) {
	f, err := vfs.Open(path)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, vfs.ErrNotRegular) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	defer f.Close()
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

// readPresence reads who it is that lives.
func readPresence(path, name string) (manager.Survivor, error) {
	text, err := vfs.ReadFile(path, presenceBytesMax)
	if err != nil {
		return manager.Survivor{}, err
	}
	var node, life uint32
	var pid int
	var began uint64
	_, nameErr := fmt.Sscanf(name, "%d.%d", &node, &life)
	if _, err := fmt.Sscanf(string(text), "%d %d\n", &pid, &began); err != nil || nameErr != nil || pid < 2 || node >= control.MaxWorkers {
		return manager.Survivor{}, fmt.Errorf("%s: got %.80q, want a worker's pid and start time; end the process that has it locked", path, text)
	}
	return manager.Survivor{
		Node: frame.NodeID(node), Incarnation: frame.Incarnation(life), PID: pid,
		Kill:  func() { killHolder(path, pid, began) },
		Await: func(stop <-chan struct{}) { awaitUnlocked(path, stop) },
	}, nil
}

// killHolder kills the process that has a file locked, if it is the one that said so. The handle is taken first: if the file is locked and the
// start time is right then, it is that process's, and stays so, whatever becomes of the number.
func killHolder(path string, pid int, began uint64) {
	p, err := os.FindProcess(pid)
	if err != nil {
		return
	}
	defer func() { _ = p.Release() }()
	lives, err := locked(path)
	if at, startErr := startTime(pid); err != nil || !lives || startErr != nil || at != began {
		return
	}
	_ = p.Kill()
}

const awaitEvery = 20 * time.Millisecond

// awaitUnlocked returns when the process of a file is gone, or at the end of stop.
func awaitUnlocked(path string, stop <-chan struct{}) {
	tick := time.NewTicker(awaitEvery)
	defer tick.Stop()
	for {
		if lives, err := locked(path); !lives && err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-stop:
			return
		}
	}
}

// endWorkers kills workers that live on and that nobody wants, and waits until they are gone.
func endWorkers(unwanted []manager.Survivor) error {
	for _, s := range unwanted {
		s.Kill()
	}
	if s, left := awaitEnds(unwanted, lockPatience); left {
		return fmt.Errorf("worker %d of an earlier run (pid %d) is still at work %v after it was killed; end it first", s.Node, s.PID, lockPatience)
	}
	return nil
}

// awaitEnds waits until all of them are gone, or returns one that is not after so long.
func awaitEnds(all []manager.Survivor, patience time.Duration) (one manager.Survivor, left bool) {
	stop := make(chan struct{})
	timeout := time.AfterFunc(patience, func() { close(stop) })
	defer timeout.Stop()
	for _, s := range all {
		s.Await(stop)
		select {
		case <-stop:
			return s, true
		default:
		}
	}
	return manager.Survivor{}, false
}
