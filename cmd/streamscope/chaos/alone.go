package chaos

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// aloneMax is how long workers are left without a manager: less than they have patience.
const aloneMax = time.Second

// leaveAlone waits for a moment before the command is repeated, if only the manager was killed, and looks whether the workers go on.
func (w *world) leaveAlone(ctx context.Context) {
	w.mu.Lock()
	f := &w.result.Faults[len(w.result.Faults)-1]
	workers := w.workers
	w.mu.Unlock()
	if f.Kind != Manager {
		return
	}
	before, began := w.written(), time.Now()
	pause := time.NewTimer(aloneMax/10 + time.Duration(w.rng.Int64N(int64(aloneMax))))
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
	}
	f.AloneBytes, f.AloneS = w.written()-before, time.Since(began).Seconds()
	for _, s := range workers {
		if s.PID != 0 && runs(s.PID) {
			f.Living++
		}
	}
	w.say("%d workers live without a manager, and have written %d bytes in %.1f s", f.Living, f.AloneBytes, f.AloneS)
}

// tookOver counts the workers that the next manager has found and gone on with.
func (w *world) tookOver() {
	for i := len(w.result.Faults) - 1; i >= 0; i-- {
		if f := &w.result.Faults[i]; f.Kind == Manager {
			f.LivedOn = 0
			for n := range w.workers {
				if pid := w.workers[n].PID; pid != 0 && pid == w.left[n].PID {
					f.LivedOn++
				}
			}
			return
		}
	}
}

// written is how much there is of the output of this round before it gets its name.
func (w *world) written() int64 {
	files, _ := filepath.Glob(filepath.Join(filepath.Dir(w.out()), "."+filepath.Base(w.out())+"*"))
	sum := int64(0)
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			sum += info.Size()
		}
	}
	return sum
}

// runs tells whether a process lives and is not stopped.
func runs(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	rest := text[bytes.LastIndexByte(text, ')')+1:]
	return len(rest) > 1 && bytes.IndexByte([]byte("ZXT"), rest[1]) < 0
}
