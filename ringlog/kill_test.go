package ringlog

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// killEnv tells the test binary to be the victim of TestKillNine: a writer on this directory.
const killEnv = "RINGLOG_TEST_VICTIM_DIR"

// writeUntilKilled is the victim. It recovers what its predecessor left, then writes for ever: a position on stdout is acknowledged.
func writeUntilKilled() bool {
	dir := os.Getenv(killEnv)
	if dir == "" {
		return false
	}
	a, err := NewArena(ArenaConfig{SegmentBytes: testSegment, LimitBytes: 16 * testSegment, Backing: Tmpfs, Dir: dir})
	if err != nil {
		fmt.Println("error", err)
		return true
	}
	incarnation, _ := strconv.Atoi(os.Getenv(killEnv + "_INCARNATION"))
	l, _, err := a.Recover(LogConfig{Incarnation: frame.Incarnation(incarnation), Sums: true}, 0)
	if err != nil {
		fmt.Println("error", err)
		return true
	}
	for tick := frame.Tick(1); ; tick++ {
		pos, err := writeStepping(l, frame.Chain{Edge: frame.EdgeID(incarnation)}, tick, 64+int(tick*7919%5000))
		if err != nil {
			fmt.Println("error", err)
			return true
		}
		if tick%50 == 0 {
			fmt.Println(uint64(pos))
		}
		if tick > 120 { // what was acknowledged last stays
			l.Trim(frame.Chain{Edge: frame.EdgeID(incarnation)}, tick-120)
			l.Trim(frame.Chain{Edge: frame.EdgeID(incarnation - 1)}, frame.MaxTick)
		}
	}
}

// TestKillNine kills a writing process again and again; each time its log is recovered: what it acknowledged is there and whole.
func TestKillNine(t *testing.T) {
	if len(backings()) == 1 {
		return // a race build keeps everything on the heap
	}
	dir := t.TempDir()
	for life := 1; life <= 6; life++ {
		acked := runVictim(t, dir, life, 3*life)
		a, err := NewArena(ArenaConfig{SegmentBytes: testSegment, LimitBytes: 16 * testSegment, Backing: Tmpfs, Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		l, report, err := a.Recover(LogConfig{Incarnation: 1000, Sums: true}, acked+frame.HeaderLen)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readAll(l, 0, 100)
		if err != nil || !slices.Contains(got, acked) || len(got) < 40 {
			t.Errorf("life %d: acknowledged %d, recovered %+v, read %d frames: %v", life, acked, report, len(got), err)
		}
		if err := a.crash(); err != nil {
			t.Fatal(err)
		}
	}
}

// runVictim kills a victim once it has acknowledged some positions, and returns the last of them.
func runVictim(t *testing.T, dir string, life, acks int) (acked frame.Pos) {
	t.Helper()
	victim := exec.Command(os.Args[0])
	victim.Env = append(os.Environ(), killEnv+"="+dir, fmt.Sprintf("%s_INCARNATION=%d", killEnv, life))
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for ; lines.Scan(); acks-- { // to the end: the victim may have written more before it died
		if acks == 0 {
			if err := victim.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
		pos, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			t.Errorf("victim: %s", lines.Text())
		}
		acked = frame.Pos(pos)
	}
	_ = victim.Wait() // "signal: killed"
	return acked
}
