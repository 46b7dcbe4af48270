package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/streamscope/streamscope/vertex/connect"
)

// faultless is the output of a run without faults, of the embedded week, in one file.
func faultless(t *testing.T, dir, format string) []byte {
	t.Helper()
	format = strings.TrimSuffix(format, "/")
	r := runBinary(t, dir, "run", "flights", "--out", "want."+format)
	if r.status != 0 {
		t.Fatalf("status %d: %s", r.status, r.stderr)
	}
	b, err := os.ReadFile(filepath.Join(dir, "want."+format))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// recoverable is a command that runs for a few seconds, with a data directory.
func recoverable(dir, format string, workers int) *exec.Cmd {
	cmd := newCommand("run", "flights", "--out", "out."+format, "--data-dir", "data", "--snapshot-interval", "100ms",
		"--rate", "30000", "--workers", fmt.Sprint(workers), "--stats", "stats.json")
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

func wantOutput(t *testing.T, dir, format string, want []byte, stderr *bytes.Buffer) {
	t.Helper()
	got, err := written(dir, format)
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, unlike the %d of a run without faults\n%s", len(got), len(want), stderr)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".out*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// written is what the output of a run has; that of one in parts of CSV as one file.
func written(dir, format string) ([]byte, error) {
	out := filepath.Join(dir, "out."+format)
	if format != "csv/" {
		return os.ReadFile(out)
	}
	m, err := connect.ReadManifest(out)
	if err != nil {
		return nil, err
	}
	if !m.Complete {
		return nil, fmt.Errorf("%s: not complete", out)
	}
	var all []byte
	for i, p := range m.Parts {
		b, err := os.ReadFile(filepath.Join(out, p.File))
		if err != nil {
			return nil, err
		}
		if i > 0 {
			_, b, _ = bytes.Cut(b, []byte("\n"))
		}
		all = append(all, b...)
	}
	return all, nil
}

// TestKilledWorkersAreReplaced kills one worker after the other while the job runs. The others keep their processes.
func TestKilledWorkersAreReplaced(t *testing.T) {
	for _, format := range []string{"csv", "parquet", "csv/"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			want := faultless(t, dir, format)
			cmd := recoverable(dir, format, 3)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }()
			eventually(t, "all workers run", 20*time.Second, func() bool { return len(childrenOf(cmd.Process.Pid)) == 3 })
			seed := uint64(time.Now().UnixNano())
			rng := rand.New(rand.NewPCG(seed, 1))
			kills := 0
			for ; kills < 4; kills++ {
				alive := childrenOf(cmd.Process.Pid)
				if len(alive) < 3 {
					break // it has come to its end meanwhile
				}
				victim := alive[rng.IntN(len(alive))]
				if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				ended := false
				eventually(t, "the worker is replaced, or the job ended", 20*time.Second, func() bool {
					now := childrenOf(cmd.Process.Pid)
					ended = gone(cmd.Process.Pid)
					return ended || len(now) == 3 && !strings.Contains(fmt.Sprint(now), fmt.Sprint(victim))
				})
				if ended {
					break
				}
				if now := childrenOf(cmd.Process.Pid); len(now) == 3 && common(alive, now) != 2 {
					t.Fatalf("seed %d: workers %v were %v before one was killed: others went with it", seed, now, alive)
				}
			}
			if err := cmd.Wait(); err != nil {
				t.Fatalf("seed %d: %v\n%s", seed, err, &stderr)
			}
			if kills == 0 {
				t.Fatal("the job ended before a worker was killed")
			}
			wantOutput(t, dir, format, want, &stderr)
			stats, err := os.ReadFile(filepath.Join(dir, "stats.json"))
			if err != nil || !regexp.MustCompile(`"recoveries": [1-9]`).Match(stats) {
				t.Errorf("%d kills: %v\n%s", kills, err, stats)
			}
			for _, counted := range []string{`"events_in": 113493,`, `"events_out": 16391,`} { // each once, whatever was read or emitted again
				if !bytes.Contains(stats, []byte(counted)) {
					t.Errorf("seed %d, %d kills: want %s\n%s", seed, kills, counted, stats)
				}
			}
		})
	}
}

func common(a, b []int) int {
	n := 0
	for _, x := range a {
		for _, y := range b {
			if x == y {
				n++
			}
		}
	}
	return n
}

// What cannot be taken back says so, and only that.
func TestStandardOutputIsAtLeastOnce(t *testing.T) {
	t.Parallel()
	for args, says := range map[string]bool{"--data-dir data": true, "--data-dir other --out out.csv": false, "--out again.csv": false, "": false} {
		r := runBinary(t, t.TempDir(), append([]string{"run", "flights"}, strings.Fields(args)...)...)
		if said := bytes.Contains(r.stderr, []byte("standard output is at-least-once")); r.status != 0 || said != says {
			t.Errorf("run flights %s: exit %d, says so %v, want %v\n%s", args, r.status, said, says, r.stderr)
		}
	}
}

// TestKilledGroupResumes kills everything, twice, and repeats the command.
func TestKilledGroupResumes(t *testing.T) {
	for workers, format := range map[int]string{0: "csv", 2: "csv/"} {
		t.Run(fmt.Sprintf("workers=%d", workers), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			want := faultless(t, dir, format)
			resumed := regexp.MustCompile(`resumed at tick \d+`)
			for life := 1; ; life++ {
				cmd := recoverable(dir, format, workers)
				var stderr bytes.Buffer
				cmd.Stderr = &stderr
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				if life < 3 {
					// An image of the source's stage says that there is something to go on from.
					eventually(t, "images are saved", 20*time.Second, func() bool {
						files, _ := filepath.Glob(filepath.Join(dir, "data", "snapshots", "*", "*", "*.snap"))
						return len(files) >= 3*life || gone(cmd.Process.Pid)
					})
					_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
					_ = cmd.Wait()
					if life == 2 {
						damageNewest(t, dir)
					}
					continue
				}
				if err := cmd.Wait(); err != nil {
					t.Fatalf("%v\n%s", err, &stderr)
				}
				if !resumed.Match(stderr.Bytes()) {
					t.Errorf("nothing says that it was resumed:\n%s", &stderr)
				}
				wantOutput(t, dir, format, want, &stderr)
				break
			}
			// Another job is refused; the same one has nothing left to do.
			other := runBinary(t, dir, "run", "flights", "--out", "out."+format, "--data-dir", "data", "--tasks", "3", "--rate", "30000", "--workers", fmt.Sprint(workers))
			if other.status != 1 || !bytes.Contains(other.stderr, []byte("name another directory")) {
				t.Errorf("another plan: status %d: %s", other.status, other.stderr)
			}
			if again := finish(t, recoverable(dir, format, workers)); again.status != 0 || !bytes.Contains(again.stderr, []byte("has ended before")) {
				t.Errorf("once more: status %d: %s", again.status, again.stderr)
			}
		})
	}
}

// damageNewest flips a byte in the newest image of every unit: those that are needed have one before them.
func damageNewest(t *testing.T, dir string) {
	t.Helper()
	units, err := filepath.Glob(filepath.Join(dir, "data", "snapshots", "job-*", "task-*"))
	if err != nil || len(units) == 0 {
		t.Fatalf("%d units, %v", len(units), err)
	}
	for _, u := range units {
		images, _ := filepath.Glob(filepath.Join(u, "*.snap")) // sorted, and named by tick
		if len(images) < 2 {
			continue
		}
		path := images[len(images)-1]
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		b[len(b)/2] ^= 1
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDataDirRefuses(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "damaged"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "damaged", "meta.db"), bytes.Repeat([]byte("x"), 1<<15), 0o644); err != nil {
		t.Fatal(err)
	}
	for flags, words := range map[string]string{
		"--data-dir file":          "file: not a directory",
		"--data-dir damaged":       "damaged",
		"--data-dir /proc/nowhere": "/proc/nowhere",
		// Nothing is begun where the run itself is refused.
		"--data-dir new --edge-policy a->b=retain":      "there is no edge a->b",
		"--data-dir new --stage-strategy pairs=replay":  "may remember rows for ever",
		"--data-dir new --input absent.csv":             "absent.csv: no such file",
		"--data-dir new --out absent/x.csv --workers 2": "directory absent does not exist",
	} {
		r := runBinary(t, dir, append([]string{"run", "flights", "--out", "x.csv"}, strings.Fields(flags)...)...)
		if r.status == 0 || !strings.Contains(string(r.stderr), words) || bytes.Contains(r.stderr, []byte("goroutine")) {
			t.Errorf("%s: status %d, want words %q:\n%s", flags, r.status, words, r.stderr)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 2 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// A disk that is full when a directory is begun leaves nothing that is in the way when there is room again. That a file cannot grow stands for it.
func TestFullDiskAtTheBeginning(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := faultless(t, dir, "csv")
	for kib, words := range map[int]string{0: "metadata store", 4: "metadata store", 12: "metadata store", 32: "too large"} {
		run := []string{"run", "flights", "--input", week(t).parquet, "--out", "out.csv", "--data-dir", fmt.Sprintf("data%d", kib)}
		limited := exec.Command("bash", append([]string{"-c", fmt.Sprintf(`ulimit -f %d; exec "$0" "$@"`, kib), binary}, run...)...)
		limited.Dir = dir
		if r := finish(t, limited); r.status != 1 || !bytes.Contains(r.stderr, []byte(words)) || bytes.Contains(r.stderr, []byte("goroutine")) {
			t.Errorf("files of %d KiB: status %d\n%s", kib, r.status, r.stderr)
		}
		if r := runBinary(t, dir, run...); r.status != 0 {
			t.Errorf("after files of %d KiB: status %d\n%s", kib, r.status, r.stderr)
		}
		wantOutput(t, dir, "csv", want, &bytes.Buffer{})
		if err := os.Remove(filepath.Join(dir, "out.csv")); err != nil {
			t.Fatal(err)
		}
	}
}

// A run that has ended is not run again, and says so only of an output that is there.
func TestEndedRunWithoutItsOutput(t *testing.T) {
	t.Parallel()
	for _, out := range []string{"out.csv", "out.csv/"} {
		dir := t.TempDir()
		run := []string{"run", "flights", "--out", out, "--data-dir", "data"}
		for _, want := range []string{"16,391 out", "has ended before: its output is there"} {
			if r := runBinary(t, dir, run...); r.status != 0 || !bytes.Contains(r.stderr, []byte(want)) {
				t.Errorf("%s: status %d, want %q\n%s", out, r.status, want, r.stderr)
			}
		}
		if err := os.RemoveAll(filepath.Join(dir, "out.csv")); err != nil {
			t.Fatal(err)
		}
		if r := runBinary(t, dir, run...); r.status != 1 || !bytes.Contains(r.stderr, []byte("its output is not there any more")) {
			t.Errorf("%s was removed: status %d\n%s", out, r.status, r.stderr)
		}
	}
}
