// Package ringlogtest tells tests what logs have left in their process.
package ringlogtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Leftovers lists the mappings and descriptors of segments, mail and spill files that this process has.
func Leftovers() (left []string, err error) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(maps)) {
		if _, name, ok := strings.Cut(strings.TrimSpace(line), "/"); ok && ours("/"+name) {
			left = append(left, "mapping of /"+name)
		}
	}
	fds, err := os.ReadDir("/proc/self/fd")
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && ours(to) {
			left = append(left, "descriptor of "+to)
		}
	}
	return left, err
}

// ours judges by the names that ringlog and hostlink give: memory files, segment files, and files without a name, which is what a spill file is.
func ours(name string) bool {
	alive := strings.TrimSuffix(name, " (deleted)")
	return strings.HasPrefix(name, "/memfd:streamscope-") || strings.HasSuffix(alive, ".seg") ||
		(alive != name && strings.HasPrefix(filepath.Base(name), "#"))
}

// Exit ends a test process with a status, which is not 0 if something is left over. It is the last call of a TestMain.
func Exit(status int) {
	if left, err := Leftovers(); err != nil || len(left) > 0 {
		fmt.Printf("what no test gave back: %q (%v)\n", left, err)
		status = max(status, 1)
	}
	os.Exit(status)
}
