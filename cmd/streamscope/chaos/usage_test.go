package chaos

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTrend(t *testing.T) {
	const n = 600
	noise := rand.New(rand.NewPCG(1, 2))
	for name, c := range map[string]struct {
		f    func(i int) float64
		flat bool
	}{
		"level":                      {func(int) float64 { return 100 + noise.Float64() }, true},
		"full at half time":          {func(i int) float64 { return 100 * min(1, float64(i)/(n/2)) }, true},
		"growing by a tenth":         {func(i int) float64 { return 100 + float64(i)/n*40 + noise.Float64() }, false},
		"growing by less than noise": {func(i int) float64 { return 100 + float64(i)/n*8 + noise.Float64() }, true},
		"saw":                        {func(i int) float64 { return 100 + float64(i%37) }, true},
		"a step at the end":          {func(i int) float64 { return 100 + 100*math.Floor(float64(i)/(n-10)) }, true},
		"falling":                    {func(i int) float64 { return 1000 - float64(i) }, true},
		"nothing":                    {func(int) float64 { return 0 }, true},
	} {
		var r Result
		for i := range n {
			r.Usage = append(r.Usage, Usage{RSSBytes: c.f(i), DiskBytes: 5})
		}
		r.judge()
		if r.Memory.Flat != c.flat || !r.Disk.Flat {
			t.Errorf("%s: %v; level: %v", name, r.Memory, r.Disk)
		}
	}
	short := Result{Usage: make([]Usage, usageMin-1)}
	if short.judge(); short.Memory != nil {
		t.Errorf("%d samples were judged: %v", len(short.Usage), short.Memory)
	}
}

func TestUsageOfProcessesAndFolders(t *testing.T) {
	if b := resident(os.Getpid()); b < 1<<20 || b > 1<<40 {
		t.Errorf("this process has %v bytes", b)
	}
	if b := resident(1 << 30); b != 0 {
		t.Errorf("a process that is not there has %v bytes", b)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), make([]byte, 100_000), 0o644); err != nil {
		t.Fatal(err)
	}
	if b := allocated(dir); b < 100_000 || b > 300_000 {
		t.Errorf("a folder with a file of 100000 bytes takes %v", b)
	}
}

// TestReportShowsUsage: the page has a plot of memory and disk if they were watched.
func TestReportShowsUsage(t *testing.T) {
	r := Result{}
	for i := range usageMin {
		r.Usage = append(r.Usage, Usage{AtS: float64(i), RSSBytes: 1e6, DiskBytes: 2e6})
	}
	r.judge()
	var b strings.Builder
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"flat: 1.0 MB", "flat: 2.0 MB", "disk", `<polyline class="rate"`, `<polyline class="disk"`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	b.Reset()
	if err := (&Result{}).WriteHTML(&b); err != nil || strings.Contains(b.String(), fmt.Sprintf(`class=%q`, "disk")) {
		t.Errorf("%v, or a plot of nothing", err)
	}
}
