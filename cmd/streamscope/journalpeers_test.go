package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// atPeers is a command whose journals are kept by a peer.
func atPeers(dir string, more ...string) *exec.Cmd {
	cmd := recoverable(dir, "csv", 3)
	cmd.Args = append(cmd.Args, append([]string{"--source-durability", "peers(1)"}, more...)...)
	return cmd
}

// TestJournalAtPeers kills the worker of the source, then the one that keeps its journal, then the third, and all again: each is the oldest at its time.
func TestJournalAtPeers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := faultless(t, dir, "csv")
	cmd := atPeers(dir)
	var stderr bytes.Buffer
	startGroup(t, cmd, &stderr)
	killInTurn(t, cmd, dir, 6)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	if journals, _ := filepath.Glob(filepath.Join(dir, "data", "journal", "*")); len(journals) > 0 {
		t.Errorf("journals on disk: %v", journals)
	}
	wantOutput(t, dir, "csv", want, &stderr)
}

// killInTurn kills the oldest of a run's three workers again and again, each time when all have images, and have saved newer ones since the last. It fails if fewer than two
// could be killed before the job ended.
func killInTurn(t *testing.T, cmd *exec.Cmd, dir string, most int) {
	t.Helper()
	eventually(t, "images are saved", 20*time.Second, func() bool {
		return len(newestImages(dir)) >= 3 && len(childrenOf(cmd.Process.Pid)) == 3 || gone(cmd.Process.Pid)
	})
	for kills := range most {
		alive := childrenOf(cmd.Process.Pid)
		if len(alive) < 3 {
			if kills < 2 {
				t.Fatalf("%d workers were killed before the job ended, want at least 2", kills)
			}
			return // it has come to its end meanwhile
		}
		oldest := slices.Min(alive)
		if err := syscall.Kill(oldest, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		before := newestImages(dir)
		eventually(t, "the worker is replaced and all have saved images since, or the job ended", 20*time.Second, func() bool {
			now := childrenOf(cmd.Process.Pid)
			return gone(cmd.Process.Pid) || len(now) == 3 && !slices.Contains(now, oldest) && newer(before, newestImages(dir))
		})
	}
}

// newestImages are the newest image of each unit.
func newestImages(dir string) map[string]string {
	files, _ := filepath.Glob(filepath.Join(dir, "data", "snapshots", "*", "*", "*.snap")) // sorted, and named by tick
	newest := map[string]string{}
	for _, f := range files {
		newest[filepath.Dir(f)] = f
	}
	return newest
}

func newer(before, now map[string]string) bool {
	for unit, f := range before {
		if now[unit] <= f {
			return false
		}
	}
	return true
}

// TestJournalsAllLost kills everything: what was in memory is lost, which is said, and gone on without only if that is asked for.
func TestJournalsAllLost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	killWithImages(t, atPeers(dir), 6)

	again := finish(t, atPeers(dir))
	for _, want := range []string{"all peers that kept it are lost", "the last tick that is known is", "--accept-gap"} {
		if again.status != 1 || !bytes.Contains(again.stderr, []byte(want)) {
			t.Errorf("status %d, want 1 and %q:\n%s", again.status, want, again.stderr)
		}
	}
	want := faultless(t, dir, "csv")
	cmd := atPeers(dir, "--accept-gap")
	var stderr bytes.Buffer
	died := dying(t, filepath.Join(dir, "data"))
	startGroup(t, cmd, &stderr)
	address := filepath.Join(dir, "data", "manager")
	eventually(t, "it looks who lives", 20*time.Second, func() bool {
		text, _ := os.ReadFile(address)
		return bytes.Contains(text, fmt.Appendf(nil, `"PID":%d`, cmd.Process.Pid)) || gone(cmd.Process.Pid)
	})
	died()
	if err := cmd.Wait(); err != nil || !bytes.Contains(stderr.Bytes(), []byte("are given up")) {
		t.Errorf("with --accept-gap: %v\n%s", err, &stderr)
	}
	// This job's output depends on events alone, not on ticks, and its input is there to be read again.
	wantOutput(t, dir, "csv", want, &stderr)
}

// dying makes the workers that a directory has files of look like ones that were killed and are not gone yet, until died is called.
func dying(t *testing.T, dir string) (died func()) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "alive", "*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no worker has left a file: %v", err)
	}
	var locks []*os.File
	for _, name := range names {
		f, err := os.Open(name)
		if err == nil {
			err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		}
		if err != nil {
			t.Fatal(err)
		}
		locks = append(locks, f)
	}
	return func() {
		for _, f := range locks {
			f.Close()
		}
	}
}
