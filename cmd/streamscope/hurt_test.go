package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hurtPatience is how long a command may take with a directory that is hurt: far longer than any does that does not hang.
const hurtPatience = 60 * time.Second

// hurtRun is the run of the directories that are hurt, at any pace.
func hurtRun(rate string) []string {
	return []string{"run", "flights", "--out", "out.csv", "--data-dir", "data", "--snapshot-interval", "100ms", "--rate", rate}
}

// TestHurtDirectories hurts one file or folder of a killed run's data directory, anyhow. Then every look at it, and the repeated command, end in time and
// in words, and the output is that of a run without faults, or there is none.
func TestHurtDirectories(t *testing.T) {
	t.Parallel()
	whole := t.TempDir()
	want := faultless(t, t.TempDir(), "csv")
	killed := newCommand(hurtRun("30000")...)
	killed.Dir = whole
	killWithImages(t, killed, 9)

	seed, times := uint64(time.Now().UnixNano()), 8
	if s, err := strconv.ParseUint(os.Getenv("STREAMSCOPE_SEED"), 10, 64); err == nil {
		seed = s
	}
	if n, err := strconv.Atoi(os.Getenv("STREAMSCOPE_CRASH")); err == nil {
		times *= n
	}
	rng := rand.New(rand.NewPCG(seed, 7))
	for range times {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
			t.Fatal(err)
		}
		what := hurt(t, rng, dir)
		for _, look := range []string{"inspect log data", "inspect journal data", "inspect meta data", "inspect snapshot data", "inspect stream data",
			"job explain --data-dir data", "job retention --data-dir data"} {
			if r := inTime(t, dir, strings.Fields(look)...); r.status > 1 || r.status < 0 || bytes.Contains(r.stderr, []byte("goroutine")) || r.status == 1 && len(r.stderr) == 0 {
				t.Errorf("seed %d, %s: %s: status %d\n%s", seed, what, look, r.status, r.stderr)
			}
		}
		r := inTime(t, dir, hurtRun("1000000")...)
		got, err := os.ReadFile(filepath.Join(dir, "out.csv"))
		equal := r.status == 0 && bytes.Equal(got, want)
		refused := r.status == 1 && errors.Is(err, fs.ErrNotExist) && len(r.stderr) > 0
		if !equal && !refused || bytes.Contains(r.stderr, []byte("goroutine")) {
			t.Errorf("seed %d, %s: status %d, an output of %d bytes, %v\n%s", seed, what, r.status, len(got), err, r.stderr)
		}
	}
}

// inTime runs the binary; what does not end is killed, which is a status below 0.
func inTime(t *testing.T, dir string, args ...string) result {
	ctx, cancel := context.WithTimeout(t.Context(), hurtPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = dir
	return finish(t, cmd)
}

// hurt does something to a file or a folder of the data directory in dir, and says what.
func hurt(t *testing.T, rng *rand.Rand, dir string) string {
	t.Helper()
	var kinds [][]string // paths of files and folders, those of one kind together: there are many images, and one token
	for _, pattern := range []string{"*", "alive/*", "journal/*", "journal/*/*", "snapshots/.*", "snapshots/*", "snapshots/*/*", "snapshots/*/*/manifest", "snapshots/*/*/*.snap"} {
		found, err := filepath.Glob(filepath.Join(dir, "data", pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %d, %v", pattern, len(found), err)
		}
		kinds = append(kinds, found)
	}
	of := kinds[rng.IntN(len(kinds))]
	path := of[rng.IntN(len(of))]
	content, err := os.ReadFile(path)
	isDir := errors.Is(err, syscall.EISDIR)
	if err != nil && !isDir {
		t.Fatal(err)
	}
	how := rng.IntN(6)
	if !isDir && len(content) > 0 {
		how = rng.IntN(12)
	}
	if how < 6 {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	words, err := "", error(nil)
	switch at := rng.IntN(max(1, len(content))); how {
	case 0:
		words = "removed"
	case 1:
		words, err = "a named pipe", syscall.Mkfifo(path, 0o600)
	case 2:
		words, err = "a link to nothing", os.Symlink("nothing", path)
	case 3:
		words, err = "empty", os.WriteFile(path, nil, 0o600)
	case 4:
		words, err = "a folder", os.Mkdir(path, 0o700)
	case 5:
		words, err = "a socket", syscall.Mknod(path, syscall.S_IFSOCK|0o600, 0)
	case 6:
		words, err = fmt.Sprintf("cut off at %d of %d", at, len(content)), os.Truncate(path, int64(at))
	case 7:
		words, err = "something behind it", os.WriteFile(path, append(content, content[at:]...), 0o600)
	default:
		if rng.IntN(2) == 0 {
			at %= 256 // headers
		}
		at = min(at, len(content)-1)
		bit := byte(1) << rng.IntN(8)
		content[at] ^= bit
		words, err = fmt.Sprintf("bit %#x flipped at %d of %d", bit, at, len(content)), os.WriteFile(path, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(path, dir+"/") + ": " + words
}
