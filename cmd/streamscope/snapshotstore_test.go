package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/streamscope/streamscope/state/snapshot/s3"
	"github.com/streamscope/streamscope/state/snapshot/s3/s3test"
)

func bucket(t *testing.T, server *s3test.Server, prefix string) *s3.Store {
	t.Helper()
	s, err := s3.New(server.Config(prefix))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // never fails
	return s
}

// images lists the files of images in a store.
func images(t *testing.T, s *s3.Store) []string {
	t.Helper()
	names, err := s.List("")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, ".snap") })
}

// TestKilledGroupResumesFromABucket kills everything, and the server with it, and repeats the command; the server is lost for a moment while the
// job runs, too.
func TestKilledGroupResumesFromABucket(t *testing.T) {
	server := s3test.Start(t)
	store := bucket(t, server, "runs/one")
	dir := t.TempDir()
	want := faultless(t, dir, "csv")
	var stderr bytes.Buffer
	for life := 1; life <= 3; life++ {
		cmd := recoverable(dir, "csv", 2)
		cmd.Args = append(cmd.Args, "--snapshot-store", "s3://"+s3test.Bucket+"/runs/one", "--rate", "20000")
		cmd.Env = append(cmd.Environ(), server.Env()...)
		stderr.Reset()
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if life == 3 {
			server.Kill()
			server.Restart()
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%v\n%s", err, &stderr)
			}
			break
		}
		// What is needed no more goes once the tick to restart at has advanced to an image.
		var seen []string
		eventually(t, "images are saved, and the first ones removed", 20*time.Second, func() bool {
			now := images(t, store)
			removed := slices.ContainsFunc(seen, func(name string) bool { return !slices.Contains(now, name) })
			seen = now
			return removed || gone(cmd.Process.Pid)
		})
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		server.Kill()
		server.Restart()
	}
	if !regexp.MustCompile(`resumed at tick [1-9]`).Match(stderr.Bytes()) {
		t.Errorf("nothing says that it was resumed from an image:\n%s", &stderr)
	}
	wantOutput(t, dir, "csv", want, &stderr)
	if _, err := os.Stat(filepath.Join(dir, "data", "snapshots")); !os.IsNotExist(err) {
		t.Errorf("there are images in the data directory, too: %v", err)
	}
	inspect := newCommand("inspect", "snapshot", "s3://"+s3test.Bucket+"/runs/one")
	inspect.Env = append(inspect.Environ(), server.Env()...)
	if r := finish(t, inspect); r.status != 0 || !bytes.Contains(r.stdout, []byte("commit ")) || !bytes.Contains(r.stdout, []byte("snapshot files and manifests\n")) {
		t.Errorf("inspect: status %d: %s%s", r.status, r.stdout, r.stderr)
	}
	// Without the store the images cannot be found.
	other := finish(t, recoverable(dir, "csv", 2))
	if other.status != 1 || !bytes.Contains(other.stderr, []byte("name another directory")) {
		t.Errorf("another store: status %d: %s", other.status, other.stderr)
	}
}

// TestRunEndsWithoutItsBucket loses the server for good while the job runs: images are not saved any more, and the output is what it is.
func TestRunEndsWithoutItsBucket(t *testing.T) {
	for _, workers := range []int{0, 2} {
		t.Run(fmt.Sprintf("workers=%d", workers), func(t *testing.T) {
			t.Parallel()
			server := s3test.Start(t)
			store := bucket(t, server, "p")
			dir := t.TempDir()
			want := faultless(t, dir, "csv")
			cmd := recoverable(dir, "csv", workers)
			cmd.Args = append(cmd.Args, "--snapshot-store", "s3://"+s3test.Bucket+"/p")
			cmd.Env = append(cmd.Environ(), server.Env()...)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "an image is saved", 20*time.Second, func() bool { return len(images(t, store)) > 0 || gone(cmd.Process.Pid) })
			server.Kill()
			if err := cmd.Wait(); err != nil {
				t.Fatalf("%v\n%s", err, &stderr)
			}
			wantOutput(t, dir, "csv", want, &stderr)
		})
	}
}

func TestSnapshotStoreRefuses(t *testing.T) {
	server := s3test.Start(t)
	for words, env := range map[string][]string{
		"no credentials; set AWS_ACCESS_KEY_ID": {"AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY="},
		`endpoint: got "nowhere", want http://`: {"AWS_ENDPOINT_URL=nowhere"},
		"status 403":                            {"AWS_SECRET_ACCESS_KEY=wrong"},
		fmt.Sprintf("s3://missing/check-.* at %s: .*NoSuchBucket", server.Endpoint()): nil,
	} {
		dir := t.TempDir()
		cmd := newCommand("run", "flights", "--out", "x.csv", "--data-dir", "d", "--snapshot-store", "s3://missing")
		cmd.Dir = dir
		cmd.Env = append(append(cmd.Environ(), server.Env()...), append(env, "AWS_SHARED_CREDENTIALS_FILE="+filepath.Join(dir, "none"))...)
		r := finish(t, cmd)
		if r.status != 1 || !regexp.MustCompile(words).Match(r.stderr) || bytes.Contains(r.stderr, []byte("goroutine")) || bytes.Count(r.stderr, []byte("\n")) > 2 {
			t.Errorf("status %d, want words %q:\n%s", r.status, words, r.stderr)
		}
		if _, err := os.Stat(filepath.Join(dir, "d")); !os.IsNotExist(err) {
			t.Errorf("a run that was refused made its data directory: %v", err)
		}
	}
}
