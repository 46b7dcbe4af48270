package ringlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
)

// TestSmallGroup lives in a memory control group that would kill it if it took too much: the arena takes what the group leaves, says so, and
// goes on. Where no group can be made (no right to, or version 2 with processes in the parent) the test says so; TestAvailableMemory and
// TestGrowthStopsAtTheSystemsLimit then are what covers it.
func TestSmallGroup(t *testing.T) {
	if raceBuild {
		return // memory of the heap is not counted so exactly
	}
	const limit = 96 << 20
	group, err := makeGroup(limit)
	if err != nil {
		t.Logf("no control group: %v", err)
		return
	}
	defer func() {
		if err := os.Remove(group); err != nil {
			t.Error(err)
		}
	}()
	cmd := part("small group", t.TempDir(), limit)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	join := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(cmd.Process.Pid)), 0)
	_ = in.Close() // it may begin
	if err := errors.Join(join, cmd.Wait()); err != nil {
		t.Errorf("child: %v: %s", err, out.String())
	}
	t.Log(out.String())
}

// makeGroup makes a control group below that of this process, so that it is held to all limits that this process is held to.
func makeGroup(limit int64) (string, error) {
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	errs := []error{errors.New("no memory controller in " + strings.ReplaceAll(string(groups), "\n", " "))}
	for line := range strings.Lines(string(groups)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		mount, file := "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
		switch {
		case len(f) != 3:
			continue
		case f[0] == "0" && f[1] == "":
			mount, file = "/sys/fs/cgroup", "memory.max"
		case !hasController(f[1], "memory"):
			continue
		}
		dir, err := os.MkdirTemp(filepath.Join(mount, f[2]), "streamscope-test-*")
		if err == nil {
			if err = setFile(filepath.Join(dir, file), limit); err == nil {
				return dir, nil
			}
			err = errors.Join(err, os.Remove(dir))
		}
		errs = append(errs, err)
	}
	return "", errors.Join(errs...)
}

// setFile writes to a file that must exist.
func setFile(name string, value int64) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strconv.FormatInt(value, 10))
	return errors.Join(err, f.Close())
}

func smallGroup(_ string, limit int) error {
	if _, err := io.ReadAll(os.Stdin); err != nil { // until it is in the group
		return err
	}
	m, err := AvailableMemory()
	if err != nil {
		return err
	}
	if m.Bytes > int64(limit) || !strings.Contains(m.Source, "streamscope-test") {
		return fmt.Errorf("available: %+v, want at most %d of the group", m, limit)
	}
	const segment = 1 << 20
	if _, err := NewArena(ArenaConfig{SegmentBytes: segment, LimitBytes: int64(limit) + segment}); err == nil || !strings.Contains(err.Error(), m.Source) {
		return fmt.Errorf("an arena beyond the group's limit: %w", err)
	}
	s, err := squeeze(ArenaConfig{SegmentBytes: segment, LimitBytes: m.Bytes - headroomBytes - 4*segment})
	if err != nil {
		return err
	}
	defer debug.SetGCPercent(debug.SetGCPercent(10)) // garbage counts against the group too, and the checks below make a lot of it
	others := bytes.Repeat([]byte{1}, 8*segment)     // what the rest of the process has taken meanwhile
	defer runtime.KeepAlive(others)
	if err := s.fill(); err != nil {
		return err
	}
	if len(s.reports) != 1 || !strings.Contains(s.reports[0].Error(), "streamscope-test") {
		return fmt.Errorf("reported %v, want the group once", s.reports)
	}
	fmt.Printf("%d bytes left, %d frames of %d bytes fitted\n", m.Bytes, len(s.written), segment)
	return errors.Join(s.goesOn(), s.Close())
}
