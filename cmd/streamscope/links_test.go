package main

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// The result does not depend on how rows get from one worker to another; through shared memory, hardly a byte crosses the links.
func TestLinksOfTheWeek(t *testing.T) {
	sent := map[string]uint64{}
	for _, links := range []string{"tcp", "auto", "shm"} {
		for _, workers := range []int{2, 3} {
			dir := t.TempDir()
			r := runBinary(t, dir, "run", "flights", "--workers", fmt.Sprint(workers), "--tasks", "4", "--links", links, "--stats", "stats.json")
			if links == "shm" && raceBuild { // its segments are where no other process can read them
				if r.status == 0 || !strings.Contains(string(r.stderr), "links shm") {
					t.Errorf("shm in a race build: status %d: %s", r.status, r.stderr)
				}
				continue
			}
			if r.status != 0 || !bytes.Equal(r.stdout, week(t).expected) {
				t.Fatalf("%s, %d workers: status %d: %s\n%s", links, workers, r.status, firstDifference(r.stdout, week(t).expected), r.stderr)
			}
			for _, w := range readStats(t, filepath.Join(dir, "stats.json")).Workers {
				sent[links] += w.BytesOut
			}
		}
	}
	for _, links := range []string{"auto", "shm"} {
		if !raceBuild && sent[links] > sent["tcp"]/4 {
			t.Errorf("%s: %d bytes crossed the links, %d over tcp", links, sent[links], sent["tcp"])
		}
	}
}
