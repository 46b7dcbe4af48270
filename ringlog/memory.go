package ringlog

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

// Memory is an amount of memory that could be allocated now, and what says so.
type Memory struct {
	Bytes  int64
	Source string // "MemAvailable", or the control group whose limit is lower
}

// AvailableMemory reads how much memory this process could still allocate: the least of the kernel's MemAvailable and
// what the limits of its memory control groups (v1 and v2, up to the root) leave. Reclaimable file pages count as available.
func AvailableMemory() (Memory, error) { return availableMemory(os.DirFS("/")) }

func availableMemory(root fs.FS) (Memory, error) {
	m, err := memAvailable(root)
	if err != nil {
		return m, err
	}
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return m, nil // a kernel without control groups limits nothing
	}
	for line := range strings.Lines(string(groups)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		if parts[0] == "0" && parts[1] == "" {
			m = leastOfGroups(root, m, "sys/fs/cgroup", parts[2], cgroupV2)
		} else if hasController(parts[1], "memory") {
			m = leastOfGroups(root, m, "sys/fs/cgroup/memory", parts[2], cgroupV1)
		}
	}
	return m, nil
}

func hasController(list, name string) bool {
	for c := range strings.SplitSeq(list, ",") {
		if c == name {
			return true
		}
	}
	return false
}

func memAvailable(root fs.FS) (Memory, error) {
	b, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return Memory{}, fmt.Errorf("available memory: %w", err)
	}
	kb, err := statField(b, "MemAvailable:")
	if err != nil {
		return Memory{}, fmt.Errorf("available memory: /proc/meminfo: %w", err)
	}
	return Memory{kb << 10, "MemAvailable"}, nil
}

// cgroupFiles names what to read in one version's hierarchy.
type cgroupFiles struct{ limit, usage, reclaimable string }

var (
	cgroupV1 = cgroupFiles{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}
	cgroupV2 = cgroupFiles{"memory.max", "memory.current", "inactive_file"}
)

// leastOfGroups walks from a group up to the root of its hierarchy. In a container the path may not exist below the mount; the
// mount's root then is the group itself.
func leastOfGroups(root fs.FS, m Memory, mount, group string, files cgroupFiles) Memory {
	for dir := path.Clean("/" + group); ; dir = path.Dir(dir) {
		at := path.Join(mount, dir)
		if left, ok := groupLeaves(root, at, files); ok && left < m.Bytes {
			m = Memory{left, "limit of /" + at}
		}
		if dir == "/" {
			return m
		}
	}
}

func groupLeaves(root fs.FS, dir string, files cgroupFiles) (int64, bool) {
	limit, err := readNumber(root, path.Join(dir, files.limit))
	if err != nil {
		return 0, false // "max", or no such group here
	}
	usage, err := readNumber(root, path.Join(dir, files.usage))
	if err != nil {
		return 0, false
	}
	if stat, err := fs.ReadFile(root, path.Join(dir, "memory.stat")); err == nil {
		if reclaimable, err := statField(stat, files.reclaimable); err == nil {
			usage -= reclaimable
		}
	}
	return max(0, limit-max(0, usage)), true
}

func readNumber(root fs.FS, name string) (int64, error) {
	b, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 64)
}

// statField finds "NAME VALUE…" among lines.
func statField(b []byte, name string) (int64, error) {
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) >= 2 && f[0] == name {
			return strconv.ParseInt(f[1], 10, 64)
		}
	}
	return 0, errors.Join(fmt.Errorf("no field %s", name), lines.Err())
}
