package bench

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/streamscope/streamscope/bench/machine"
	"github.com/streamscope/streamscope/bench/measure"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// goldenReport has every field, and every verdict.
func goldenReport() *Report {
	r := sampleReport()
	r.Machine = machine.Facts{
		CPU: "AMD EPYC", Cores: 2, Kernel: "Linux 6.18", Arch: "amd64", Go: "go1.26.8", MemoryBytes: 25e9, Load1: 0.25, CopyBytesPerS: 14.5e9,
		LoopbackBytesPerS: 2.6e9, FillRowsPerS: 730e6, SumRowsPerS: 740e6, OtherCPU: 0.07, Noisy: true,
	}
	a, b := &r.Runs[0], &r.Runs[1]
	a.About, a.At, a.Beside = "a ring log", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), "of_bound"
	b.Unit, b.PeerOf, b.Noisy = measure.Seconds, "ringlog", true
	b.Ratios["peak_bytes"] = 266e6
	b.Hold([]measure.Requirement{{Must: 6, Stretch: 5, AtMost: true}})
	base := sampleReport()
	base.Machine = r.Machine
	base.Machine.Go = "go1.26.0"
	base.Runs[0] = runOf("ringlog", 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)
	r.Comparison = Compare(base, r, "base.json")
	return r
}

func TestGoldenReport(t *testing.T) {
	r := goldenReport()
	path := filepath.Join(t.TempDir(), "report.json")
	if err := r.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	asJSON, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	PrintMachine(&text, r.Machine)
	for i := range r.Runs {
		r.Runs[i].Print(&text)
	}
	r.Comparison.Print(&text)
	for name, got := range map[string][]byte{"report.json": asJSON, "report.txt": text.Bytes()} {
		golden := filepath.Join("testdata", name)
		if *rewrite {
			if err := os.WriteFile(golden, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what is written now; run with -rewrite and read the difference; got\n%s", golden, got)
		}
	}
}
