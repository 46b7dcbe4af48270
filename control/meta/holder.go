package meta

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// holder names the process that has a lock on a file, as far as the kernel tells.
func holder(path string) string {
	const nobody = "another process"
	info, err := os.Stat(path)
	if err != nil {
		return nobody
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nobody
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return nobody
	}
	return holderIn(string(locks), st.Ino)
}

// holderIn looks for an inode in the kernel's list of locks:
//
//	1: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF
//
// Lines of processes that only wait have "->" after the number. The device is not compared: filesystems such as btrfs show another there.
func holderIn(locks string, inode uint64) string {
	for line := range strings.Lines(locks) {
		f := strings.Fields(line)
		if len(f) < 8 || f[1] != "FLOCK" || !strings.HasSuffix(f[5], fmt.Sprintf(":%d", inode)) {
			continue
		}
		return "process " + f[4]
	}
	return "another process"
}
