package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/streamscope/streamscope/state/snapshot/s3/s3test"
)

// streamRows are the rows that an edge carried, in an order of their own and without ticks and indexes, which hang on the pace of a run.
func streamRows(t *testing.T, path, edge string) []string {
	t.Helper()
	r := runBinary(t, filepath.Dir(path), "inspect", "stream", path, "--rows", edge)
	if r.status != 0 {
		t.Fatalf("status %d: %s", r.status, r.stderr)
	}
	return rowsOf(r.stdout)
}

func rowsOf(csv []byte) (rows []string) {
	lines := strings.Split(strings.TrimSuffix(string(csv), "\n"), "\n")
	for _, l := range lines[1:] {
		cells := strings.SplitN(l, ",", 5)
		rows = append(rows, strings.Join([]string{cells[1], cells[2], cells[4]}, ","))
	}
	slices.Sort(rows)
	return rows
}

// TestPersistedStreamAfterKills kills workers, and then the whole group, and repeats the command: what is persisted of each edge is what it carried in a run
// without faults, once, and whole.
func TestPersistedStreamAfterKills(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := runBinary(t, dir, "run", "flights", "--out", "want.csv", "--data-dir", "peace", "--workers", "2", "--reliability", "persist")
	if r.status != 0 {
		t.Fatalf("status %d: %s", r.status, r.stderr)
	}
	want, err := os.ReadFile(filepath.Join(dir, "want.csv"))
	if err != nil {
		t.Fatal(err)
	}
	const seed = 1
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	var stderr bytes.Buffer
	for round := range 2 { // the group is killed in the first
		cmd := recoverable(dir, "csv", 2)
		cmd.Args = append(cmd.Args, "--reliability", "persist")
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }()
		for kill := range 2 {
			victim, executed := 0, uint64(0)
			eventually(t, "a worker has an image that counts", 20*time.Second, func() bool {
				s := statusIn(dir)
				if s == nil || s.PID != cmd.Process.Pid {
					return false
				}
				victim = 0
				for _, w := range s.Workers {
					if int(w.Node) == rng.IntN(2) && w.State == "running" {
						victim = w.PID
					}
				}
				executed = 0
				for _, u := range s.Units {
					executed = max(executed, uint64(u.Base))
				}
				return victim != 0 && executed > uint64(kill+1)*30
			})
			if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
				t.Fatalf("the job is too short: %v", err)
			}
		}
		if round == 0 {
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			_ = cmd.Wait()
		} else if err := cmd.Wait(); err != nil {
			t.Fatalf("%v\n%s", err, &stderr)
		}
	}
	wantOutput(t, dir, "csv", want, &stderr)
	for _, edge := range []string{"0", "1", "pairs->sink"} {
		peace, war := streamRows(t, filepath.Join(dir, "peace"), edge), streamRows(t, filepath.Join(dir, "data"), edge)
		if len(peace) == 0 || !slices.Equal(peace, war) {
			t.Errorf("edge %s carried %d rows, and %d other ones in a run without faults", edge, len(war), len(peace))
		}
	}
	if r := runBinary(t, dir, "inspect", "stream", "data"); r.status != 0 || strings.Count(string(r.stdout), "it has ended") != 3 {
		t.Errorf("status %d: %s\n%s", r.status, r.stdout, r.stderr)
	}
	damageStream(t, filepath.Join(dir, "data"))
	if r := runBinary(t, dir, "inspect", "stream", "data", "--json"); r.status != 1 || !strings.Contains(string(r.stderr), ".ticks") || !strings.Contains(string(r.stdout), `"damage"`) {
		t.Errorf("of damage: status %d: %s\n%s", r.status, r.stdout, r.stderr)
	}
}

// TestOldTicksAreRemoved has an edge persisted for a second only: what is older goes while the job runs, new lives go on with what is left, and that is whole.
func TestOldTicksAreRemoved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	want := faultless(t, dir, "csv")
	cmd := recoverable(dir, "csv", 2)
	cmd.Args = append(cmd.Args, "--edge-policy", "pairs->sink=persist=1s", "--rate", "12000")
	var stderr bytes.Buffer
	startGroup(t, cmd, &stderr)
	streams := filepath.Join(dir, "data", "snapshots", "*", "stream-*-")
	removed := func(node string) bool {
		all, _ := filepath.Glob(streams + node + "/*.ticks")
		first, _ := filepath.Glob(streams + node + "/0000000000000001.ticks")
		return len(all) > 0 && len(first) == 0
	}
	eventually(t, "what both workers wrote first is removed", 20*time.Second, func() bool {
		return removed("00000000") && removed("00000001") || gone(cmd.Process.Pid)
	})
	s := statusIn(dir)
	if s == nil || gone(cmd.Process.Pid) {
		t.Fatalf("the job is too short\n%s", &stderr)
	}
	if err := syscall.Kill(s.Workers[1].PID, syscall.SIGKILL); err != nil {
		t.Fatalf("the job is too short: %v", err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	wantOutput(t, dir, "csv", want, &stderr)
	r := runBinary(t, dir, "inspect", "stream", "data")
	if r.status != 0 || bytes.Count(r.stdout, []byte("removed, being older than it is kept: ticks 1..")) != 2 || !bytes.Contains(r.stdout, []byte("it has ended")) {
		t.Errorf("status %d: %s%s", r.status, r.stdout, r.stderr)
	}
}

// damageStream flips a bit in the middle of an object.
func damageStream(t *testing.T, dir string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "snapshots", "*", "*", "*.ticks"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no objects: %v", err)
	}
	b, err := os.ReadFile(names[len(names)/2])
	if err == nil {
		b[len(b)/2] ^= 1
		err = os.WriteFile(names[len(names)/2], b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestInspectStreamComplains(t *testing.T) {
	empty := t.TempDir()
	for args, want := range map[string]struct {
		status int
		words  string
	}{
		"":                                  {2, "got 0 paths, want one"},
		"/no":                               {1, "inspect stream /no: no such file or directory; name a data directory"},
		"inspect.go":                        {1, "inspect.go"},
		empty + " --from 3":                 {2, "go with --rows"},
		empty + " --rows a --json":          {2, "leave out --json"},
		empty + " --rows a --from 0":        {2, "want ticks from 1 on"},
		empty + " --rows a --from 5 --to 4": {2, "want ticks from 1 on"},
		empty + " --rows a":                 {1, "there are no streams"},
	} {
		a, stdout, stderr := fakeApp(counts)
		if status := a.main(append([]string{"inspect", "stream"}, strings.Fields(args)...)); status != want.status || !strings.Contains(stderr.String(), want.words) {
			t.Errorf("%s: status %d, want %d with %q:\n%s%s", args, status, want.status, want.words, stdout, stderr)
		}
	}
	a, stdout, _ := fakeApp(counts)
	if status := a.main([]string{"inspect", "stream", empty}); status != 0 || stdout.String() != "0 streams\n" {
		t.Errorf("of an empty folder: status %d: %s", status, stdout)
	}
}

// TestGapIsNotPersisted: without journals ticks would be cut again that are persisted. That is refused until they are out of the way.
func TestGapIsNotPersisted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	flags := []string{"--reliability", "persist", "--snapshot-interval", "1h"} // everything goes on from the beginning
	cmd := atPeers(dir, flags...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	streams := filepath.Join(dir, "data", "snapshots", "*", "stream-*")
	eventually(t, "something is persisted", 20*time.Second, func() bool {
		objects, _ := filepath.Glob(filepath.Join(streams, "*.ticks"))
		return len(objects) > 0 || gone(cmd.Process.Pid)
	})
	workers := childrenOf(cmd.Process.Pid)
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	_ = cmd.Wait()
	eventually(t, "nobody lives any more", 20*time.Second, func() bool { return !slices.ContainsFunc(workers, func(pid int) bool { return !gone(pid) }) })
	flags = append(flags, "--accept-gap")
	if r := finish(t, atPeers(dir, flags...)); r.status != 1 || !bytes.Contains(r.stderr, []byte("later ones are persisted")) {
		t.Fatalf("status %d: %s", r.status, r.stderr)
	}
	folders, _ := filepath.Glob(streams)
	for _, f := range folders {
		if err := os.RemoveAll(f); err != nil {
			t.Fatal(err)
		}
	}
	if r := finish(t, atPeers(dir, flags...)); r.status != 0 {
		t.Fatalf("status %d: %s", r.status, r.stderr)
	}
	if r := runBinary(t, dir, "inspect", "stream", "data"); r.status != 0 || bytes.Count(r.stdout, []byte("it has ended")) != 3 {
		t.Errorf("status %d: %s%s", r.status, r.stdout, r.stderr)
	}
}

// TestPersistInBucket loses the server of the bucket for some time: what is to be persisted waits in the logs, and is there in the end.
func TestPersistInBucket(t *testing.T) {
	t.Parallel()
	server := s3test.Start(t)
	bucket(t, server, "p")
	dir := t.TempDir()
	peace := runBinary(t, dir, "run", "flights", "--out", "want.csv", "--data-dir", "peace", "--workers", "2", "--edge-policy", "pairs->sink=persist")
	if peace.status != 0 {
		t.Fatalf("status %d: %s", peace.status, peace.stderr)
	}
	cmd := recoverable(dir, "csv", 2)
	cmd.Args = append(cmd.Args, "--snapshot-store", "s3://"+s3test.Bucket+"/p", "--edge-policy", "pairs->sink=persist")
	cmd.Env = append(cmd.Environ(), server.Env()...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }()
	persisted := func(least uint64) bool {
		s := statusIn(dir)
		if s == nil {
			return false
		}
		objects := uint64(0)
		for _, w := range s.Workers {
			for _, st := range w.Streams {
				objects += st.Objects
			}
		}
		return objects >= least
	}
	eventually(t, "something is persisted", 20*time.Second, func() bool { return persisted(1) || gone(cmd.Process.Pid) })
	server.Kill()
	server.Restart()
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	inspect := newCommand("inspect", "stream", "s3://"+s3test.Bucket+"/p", "--rows", "pairs->sink")
	inspect.Env = append(inspect.Environ(), server.Env()...)
	r := finish(t, inspect)
	if want := streamRows(t, filepath.Join(dir, "peace"), "pairs->sink"); r.status != 0 || !slices.Equal(rowsOf(r.stdout), want) {
		t.Errorf("status %d, %d lines, want %d rows\n%s", r.status, bytes.Count(r.stdout, []byte("\n")), len(want), r.stderr)
	}
}
