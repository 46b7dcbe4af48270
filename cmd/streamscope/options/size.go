package options

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes.
type Size int64

// The binary units.
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
)

// units by their lower-case spelling. A bare number counts bytes.
var units = []struct {
	name  string
	bytes int64
}{
	{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"tib", 1 << 40},
	{"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"tb", 1e12},
	{"b", 1},
}

// ParseSize reads a positive number of bytes: `65536`, `64KiB`, `1.5GiB`, `10MB`.
func ParseSize(text string) (Size, error) {
	number, unit := strings.ToLower(strings.TrimSpace(text)), int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil {
		if n <= 0 || n > math.MaxInt64/unit {
			return 0, fmt.Errorf("got %q, want a size from 1 byte to 8191TiB", text)
		}
		return Size(n * unit), nil
	}
	f, err := strconv.ParseFloat(number, 64)
	bytes := f * float64(unit)
	if err != nil || !strings.Contains(number, ".") || bytes != math.Trunc(bytes) {
		return 0, fmt.Errorf("got %q, want a size such as 65536, 64KiB, 4MiB or 1GiB", text)
	}
	if bytes < 1 || bytes >= math.MaxInt64 {
		return 0, fmt.Errorf("got %q, want a size from 1 byte to 8191TiB", text)
	}
	return Size(bytes), nil
}

// String writes a size in the greatest binary unit that divides it.
func (s Size) String() string {
	for i := 3; i >= 0; i-- {
		if u := units[i]; s != 0 && int64(s)%u.bytes == 0 {
			return fmt.Sprintf("%d%s", int64(s)/u.bytes, []string{"KiB", "MiB", "GiB", "TiB"}[i])
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}
