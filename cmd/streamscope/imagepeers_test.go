package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/streamscope/streamscope/control"
)

// imagesAt is a command whose images are kept by peers.
func imagesAt(dir, peers string, workers int, more ...string) *exec.Cmd {
	cmd := recoverable(dir, "csv", workers)
	cmd.Args = append(cmd.Args, append([]string{"--snapshot-store", peers}, more...)...)
	return cmd
}

// bases are the bases of all units that have one, out of the status file.
func bases(dir string) (all map[control.UnitName]uint64) {
	var s control.Status
	b, err := os.ReadFile(filepath.Join(dir, "data", "status.json"))
	if err != nil || json.Unmarshal(b, &s) != nil {
		return nil
	}
	all = map[control.UnitName]uint64{}
	for _, u := range s.Units {
		all[u.UnitName] = uint64(u.Base)
	}
	return all
}

// advanced tells whether all bases are above those before.
func advanced(before, now map[control.UnitName]uint64) bool {
	for u, b := range now {
		if b <= before[u] {
			return false
		}
	}
	return len(now) > 0
}

// killPeers kills the oldest worker, that is each in turn, whenever all units have gone on from images since; with two at a time, the two oldest. It
// returns how often.
func killPeers(t *testing.T, dir string, cmd *exec.Cmd, workers, atATime int) (times int) {
	t.Helper()
	for before := map[control.UnitName]uint64(nil); times < 4; times++ {
		eventually(t, "all units have newer images, or the job ended", 30*time.Second, func() bool {
			return gone(cmd.Process.Pid) || len(childrenOf(cmd.Process.Pid)) == workers && advanced(before, bases(dir))
		})
		before = bases(dir)
		alive := childrenOf(cmd.Process.Pid)
		if len(alive) < workers {
			break
		}
		slices.Sort(alive)
		for _, pid := range alive[:atATime] {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have come to its end
		}
		eventually(t, "the workers are replaced, or the job ended", 30*time.Second, func() bool {
			now := childrenOf(cmd.Process.Pid)
			return gone(cmd.Process.Pid) || len(now) == workers && !slices.Contains(now, alive[0])
		})
	}
	return times
}

// Workers are killed in turn, each with the images of another in its memory; with two copies of each, two at a time. None lie in the data directory.
func TestImagesAtPeers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		peers            string
		workers, atATime int
	}{{"peers(1)", 3, 1}, {"peers(2)", 4, 2}} {
		t.Run(c.peers, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			want := faultless(t, dir, "csv")
			cmd := imagesAt(dir, c.peers, c.workers, "--rate", "12000")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }()
			times := killPeers(t, dir, cmd, c.workers, c.atATime)
			if err := cmd.Wait(); err != nil {
				t.Fatalf("after %d kills: %v\n%s", times, err, &stderr)
			}
			if times == 0 {
				t.Fatal("the job ended before any worker was killed")
			}
			if images, _ := filepath.Glob(filepath.Join(dir, "data", "snapshots", "*")); len(images) > 0 {
				t.Errorf("images on disk: %v", images)
			}
			wantOutput(t, dir, "csv", want, &stderr)
		})
	}
}

// With everything lost at once no image is left, which ends the run in words; explain has said so before.
func TestImagesAllLost(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := imagesAt(dir, "peers(1)", 3)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all units have gone on from two images", 30*time.Second, func() bool {
		return gone(cmd.Process.Pid) || advanced(nil, bases(dir)) && everyPrev(dir)
	})
	explained := runBinary(t, dir, "job", "explain", "--data-dir", "data")
	if !strings.Contains(string(explained.stdout), "images of node 1 in its memory and that of node ") {
		t.Errorf("explain:\n%s%s", explained.stdout, explained.stderr)
	}
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	_ = cmd.Wait()
	again := finish(t, imagesAt(dir, "peers(1)", 3))
	if again.status != 1 || !bytes.Contains(again.stderr, []byte("all peers that kept it are lost")) || !bytes.Contains(again.stderr, []byte("image of stage")) {
		t.Errorf("status %d, want 1 and that images are lost:\n%s", again.status, again.stderr)
	}
}

// everyPrev tells whether all units have an image before the one they restart at.
func everyPrev(dir string) bool {
	var s control.Status
	b, err := os.ReadFile(filepath.Join(dir, "data", "status.json"))
	if err != nil || json.Unmarshal(b, &s) != nil {
		return false
	}
	return !slices.ContainsFunc(s.Units, func(u control.UnitStatus) bool { return u.Prev == 0 })
}
