package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWorkerLauncher: workers are started by a program, at addresses that it chooses, and the output is the same.
func TestWorkerLauncher(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	launcher := filepath.Join(dir, "launch")
	write := func(host string) {
		script := fmt.Sprintf("#!/bin/sh\necho \"$1\" >> %s.log\nexport STREAMSCOPE_LISTEN_HOST=%s\nshift\nexec \"$@\"\n", launcher, host)
		if err := os.WriteFile(launcher, []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	run := func(out string, more ...string) result {
		return runBinary(t, dir, append([]string{"run", "flights", "--out", out, "--workers", "2"}, more...)...)
	}
	if r := run("plain.csv"); r.status != 0 {
		t.Fatalf("%s", r.stderr)
	}
	write("127.0.0.$((10 + $1))")
	if r := run("launched.csv", "--listen-host", "127.0.0.3", "--worker-launcher", launcher); r.status != 0 {
		t.Fatalf("%s", r.stderr)
	}
	plain, err := os.ReadFile(filepath.Join(dir, "plain.csv"))
	if err != nil {
		t.Fatal(err)
	}
	launched, err := os.ReadFile(filepath.Join(dir, "launched.csv"))
	if err != nil || !bytes.Equal(plain, launched) {
		t.Errorf("%d bytes by launched workers, want the %d of others: %v", len(launched), len(plain), err)
	}
	log, err := os.ReadFile(launcher + ".log")
	if words := strings.Fields(string(log)); err != nil || len(words) != 2 || words[0] == words[1] {
		t.Errorf("launched %q, %v; want workers 0 and 1", words, err)
	}
	// 192.0.2.1 is nobody's: whoever is told to listen there says so.
	write("192.0.2.1")
	for _, more := range [][]string{{"--worker-launcher", launcher}, {"--listen-host", "192.0.2.1"}} {
		if r := run("none.csv", more...); r.status != 1 || !strings.Contains(string(r.stderr), "192.0.2.1") {
			t.Errorf("%q: status %d, want words on 192.0.2.1: %s", more, r.status, r.stderr)
		}
	}
}
