package machine

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// PeakBytes is the most memory that this process has had resident since its program started: the mark that the kernel keeps, rings included. A
// child's Maxrss says something else: it begins with that of the process which started it.
func PeakBytes() (int64, error) {
	const file = "/proc/self/status"
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(b), "VmHWM:")
	line, _, _ := strings.Cut(after, "\n")
	kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(line, "kB")), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s: no peak of resident memory: %w", file, err)
	}
	return kib << 10, nil
}
