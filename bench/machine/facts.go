package machine

import (
	"bufio"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Facts describe the machine, as they stand in a report. The rates are measured by whoever makes the report.
type Facts struct {
	CPU         string  `json:"cpu"`
	Cores       int     `json:"cores"` // that Go uses
	Kernel      string  `json:"kernel"`
	Arch        string  `json:"arch"`
	Go          string  `json:"go"`
	MemoryBytes uint64  `json:"memory_bytes"`
	Load1       float64 `json:"load1"` // before the first measurement

	CopyBytesPerS     float64 `json:"copy_bytes_per_s"`
	LoopbackBytesPerS float64 `json:"loopback_bytes_per_s"`
	FillRowsPerS      float64 `json:"fill_rows_per_s"`
	SumRowsPerS       float64 `json:"sum_rows_per_s"`

	// OtherCPU is the share of all processors that other programs and other guests of the host used, 0 to 1, at worst over the measurements.
	OtherCPU float64 `json:"other_cpu"`
	Noisy    bool    `json:"noisy"`
}

// Read reads the facts.
func Read() Facts {
	f := Facts{CPU: cpuModel(), Cores: runtime.GOMAXPROCS(0), Arch: runtime.GOARCH, Go: runtime.Version(), Load1: load1()}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		f.Kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
	}
	var s unix.Sysinfo_t
	if unix.Sysinfo(&s) == nil {
		f.MemoryBytes = s.Totalram * uint64(s.Unit)
	}
	return f
}

func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		name, value, _ := strings.Cut(s.Text(), ":")
		if strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func load1() float64 {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(b), " ")
	v, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0
	}
	return v
}
