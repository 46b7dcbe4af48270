package ringlog

import (
	"testing"
	"testing/fstest"
)

func TestAvailableMemory(t *testing.T) {
	const meminfo = "MemTotal: 100 kB\nMemAvailable:   64 kB\n"
	file := func(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }
	tests := map[string]struct {
		files fstest.MapFS
		want  Memory
	}{
		"no groups": {fstest.MapFS{}, Memory{65536, "MemAvailable"}},
		"v2, a parent is tighter": {fstest.MapFS{
			"proc/self/cgroup":                   file("0::/a/b\n"),
			"sys/fs/cgroup/a/b/memory.max":       file("max\n"),
			"sys/fs/cgroup/a/b/memory.current":   file("1000\n"),
			"sys/fs/cgroup/a/memory.max":         file("50000\n"),
			"sys/fs/cgroup/a/memory.current":     file("20000\n"),
			"sys/fs/cgroup/a/memory.stat":        file("anon 1\ninactive_file 5000\n"),
			"sys/fs/cgroup/memory.stat":          file("anon 1\n"),
			"sys/fs/cgroup/elsewhere/memory.max": file("1\n"),
		}, Memory{35000, "limit of /sys/fs/cgroup/a"}},
		"v2, in a container": {fstest.MapFS{
			"proc/self/cgroup":             file("0::/docker/1234\n"),
			"sys/fs/cgroup/memory.max":     file("40000\n"),
			"sys/fs/cgroup/memory.current": file("39000\n"),
		}, Memory{1000, "limit of /sys/fs/cgroup"}},
		"v1": {fstest.MapFS{
			"proc/self/cgroup":                             file("5:cpu,cpuacct:/x\n4:memory:/p\n0::/\n"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes":   file("9223372036854771712\n"),
			"sys/fs/cgroup/memory/memory.usage_in_bytes":   file("1000\n"),
			"sys/fs/cgroup/memory/p/memory.limit_in_bytes": file("30000\n"),
			"sys/fs/cgroup/memory/p/memory.usage_in_bytes": file("29000\n"),
			"sys/fs/cgroup/memory/p/memory.stat":           file("inactive_file 7\ntotal_inactive_file 100\n"),
		}, Memory{1100, "limit of /sys/fs/cgroup/memory/p"}},
		"overdrawn": {fstest.MapFS{
			"proc/self/cgroup":             file("0::/\n"),
			"sys/fs/cgroup/memory.max":     file("40000\n"),
			"sys/fs/cgroup/memory.current": file("50000\n"),
		}, Memory{0, "limit of /sys/fs/cgroup"}},
		"a wide limit": {fstest.MapFS{
			"proc/self/cgroup":             file("garbage\n0::/\n"),
			"sys/fs/cgroup/memory.max":     file("4000000\n"),
			"sys/fs/cgroup/memory.current": file("5000\n"),
		}, Memory{65536, "MemAvailable"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.files["proc/meminfo"] = file(meminfo)
			got, err := availableMemory(test.files)
			if err != nil || got != test.want {
				t.Errorf("got %+v, want %+v (%v)", got, test.want, err)
			}
		})
	}
	if _, err := availableMemory(fstest.MapFS{"proc/meminfo": file("MemTotal: 100 kB\n")}); err == nil {
		t.Error("no MemAvailable: no error")
	}
	if m, err := AvailableMemory(); err != nil || m.Bytes <= 0 {
		t.Errorf("of this machine: %+v, %v", m, err)
	}
}
