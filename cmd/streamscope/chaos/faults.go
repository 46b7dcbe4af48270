package chaos

import (
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/streamscope/streamscope/bench/live"
)

const (
	stopFor = 4 * time.Second // longer than a lease
	fullFor = time.Second
	// fullBytes is how long a file may get while its disk is full.
	fullBytes = 4096
)

// inject hurts somebody. fatal says that the manager is gone with it.
func (w *world) inject(m *live.Run) (fatal bool) {
	kind := w.cfg.Kinds[w.rng.IntN(len(w.cfg.Kinds))]
	node := w.rng.IntN(w.cfg.Workers)
	w.mu.Lock()
	defer w.mu.Unlock()
	f := Fault{Kind: kind, AtS: time.Since(w.began).Seconds(), Node: node, GapS: -1}
	victim := w.workers[node]
	if kind == Manager || kind == Group {
		f.Node, victim.PID = -1, m.PID()
		for _, s := range w.workers {
			f.Behind = max(f.Behind, s.Behind())
		}
	} else {
		f.Behind = victim.Behind()
	}
	f.PID, f.Counts = victim.PID, f.Behind > 0
	if victim.PID == 0 || !f.Counts {
		return false // it is coming back, or has nothing to lose yet: another time
	}
	now := time.Now()
	until := now
	if slices.Contains(NetKinds, kind) {
		f.Net = w.drawNet(kind, node)
		if err := w.net.hurt(kind, node, f.Net); err != nil {
			return false // it is hurt already, or the run is about to end
		}
		until = now.Add(seconds(f.Net.LastsS))
	} else if err := w.hit(kind, victim.PID); err != nil {
		return false // it is gone already
	}
	dies := slices.Contains([]Kind{Kill, Task, Stop, Manager, Group}, kind)
	w.open = append(w.open, &outage{w.workers.Outage(f.Node, dies, now), len(w.result.Faults), until})
	w.result.Faults = append(w.result.Faults, f)
	w.result.Counted++
	detail := ""
	if f.Net != nil {
		detail = ": " + f.Net.String()
	}
	w.say("%-9s worker %d (pid %d), %d ticks behind its image%s", kind, f.Node, f.PID, f.Behind, detail)
	return kind == Manager || kind == Group
}

func (w *world) hit(kind Kind, pid int) error {
	switch kind {
	case Kill, Manager:
		return syscall.Kill(pid, syscall.SIGKILL)
	case Group:
		return syscall.Kill(-pid, syscall.SIGKILL)
	case Cut:
		return syscall.Kill(pid, syscall.SIGUSR1)
	case Task:
		return syscall.Kill(pid, syscall.SIGUSR2)
	case Stop:
		time.AfterFunc(stopFor, func() { _ = syscall.Kill(pid, syscall.SIGCONT) })
		return syscall.Kill(pid, syscall.SIGSTOP)
	case Full:
		var was unix.Rlimit
		if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, nil, &was); err != nil {
			return err
		}
		time.AfterFunc(fullFor, func() { _ = unix.Prlimit(pid, unix.RLIMIT_FSIZE, &was, nil) })
		return unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: fullBytes, Max: was.Max}, nil)
	}
	panic("chaos: kind " + string(kind)) // checked where they are read
}
