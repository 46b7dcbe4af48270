package bench

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/bench/machine"
)

func TestAddReplacesByNameAndKeepsTheRest(t *testing.T) {
	facts := machine.Facts{CPU: "a", Cores: 2}
	old := &Report{Machine: facts, Runs: []Run{runOf("a", 1), runOf("b", 1)}}
	old.Machine.OtherCPU, old.Machine.Noisy = 0.4, true
	facts.Load1 = 3
	if err := old.Add(&Report{Machine: facts, Runs: []Run{runOf("c", 2), runOf("b", 2)}}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range old.Runs {
		got = append(got, r.Name+strings.Repeat("'", int(r.Median)))
	}
	if strings.Join(got, " ") != "a' b'' c''" {
		t.Errorf("got %v, want a of the old report, b and c of the new one", got)
	}
	if m := old.Machine; m.Load1 != 3 || m.OtherCPU != 0.4 || !m.Noisy {
		t.Errorf("got %+v, want the later facts, and the noise of both", m)
	}
	facts.CPU = "b"
	if err := old.Add(&Report{Machine: facts, Runs: []Run{runOf("d", 2)}}); err == nil || !strings.Contains(err.Error(), "cpu was a, is b") || old.Run("d") != nil {
		t.Errorf("got %v, %v, want an error that names both machines", err, old.Runs)
	}
}

func TestReadOrNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.json")
	r, err := ReadOrNew(path)
	if err != nil || len(r.Runs) != 0 {
		t.Fatalf("no file: got %+v, %v, want an empty report", r, err)
	}
	if err := r.Add(sampleReport()); err != nil { // of any machine
		t.Fatal(err)
	}
	if err := r.WriteFile(path); err != nil {
		t.Fatal(err)
	}
	if again, err := ReadOrNew(path); err != nil || len(again.Runs) != 2 {
		t.Errorf("got %+v, %v, want two runs", again, err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadOrNew(path); err == nil {
		t.Error("a file that is no report was read")
	}
}
