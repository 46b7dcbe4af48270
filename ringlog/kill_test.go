package ringlog

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/streamscope/streamscope/ringlog/frame"
)

const victimSegments = 32 // three lives' worth and more

func victimArena(dir string) (*Arena, error) {
	return NewArena(ArenaConfig{SegmentBytes: testSegment, LimitBytes: victimSegments * testSegment, Backing: Tmpfs, Dir: dir})
}

// writeUntilKilled recovers what its predecessor left, then writes for ever, beside the driver and two readers that check what they read: a position on
// stdout is acknowledged.
func writeUntilKilled(dir string, life int) error {
	go func() { // ends with its parent
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(2)
	}()
	a, err := victimArena(dir)
	if err != nil {
		return err
	}
	wake := make(chan struct{}, 1)
	l, _, err := a.Recover(LogConfig{Incarnation: frame.Incarnation(life), Sums: true, Wake: func() { poke(wake) }}, 0)
	if err != nil {
		return err
	}
	a.Start()
	readers := make(chan error, 2)
	for range cap(readers) {
		go func() { readers <- follow(l) }()
	}
	ours := frame.Chain{Edge: frame.EdgeID(life)}
	for early := 1; early < life-2; early++ { // the one before may have acknowledged nothing
		l.Trim(frame.Chain{Edge: frame.EdgeID(early)}, frame.MaxTick)
	}
	for tick := frame.Tick(1); ; {
		pos, err := write(l, ours, tick, 64+int(tick*7919%5000))
		if errors.Is(err, ErrNoSegment) {
			<-wake
			continue
		}
		if err != nil {
			return err
		}
		if tick%50 == 0 {
			fmt.Println(uint64(pos))
		}
		if tick > 120 { // what was acknowledged last stays
			l.Trim(ours, tick-120)
			l.Trim(frame.Chain{Edge: frame.EdgeID(life - 1)}, frame.MaxTick)
			l.Trim(frame.Chain{Edge: frame.EdgeID(life - 2)}, frame.MaxTick)
		}
		select {
		case err := <-readers:
			return err
		default:
			tick++
		}
	}
}

// follow reads a log for ever.
func follow(l *Log) error {
	r := l.Reader(0)
	for {
		var bad error
		n := r.Poll(7, func(pos frame.Pos, b []byte) bool {
			_, bad = checkFrame(pos, b)
			return bad == nil
		})
		if err := errors.Join(bad, r.Err()); err != nil {
			return err
		}
		if n == 0 {
			runtime.Gosched()
		}
	}
}

// TestKillNine kills a writing process again and again, while its readers read and another process inspects its files; each time its log
// is recovered: what it acknowledged is there and whole.
func TestKillNine(t *testing.T) {
	if raceBuild {
		return // it keeps everything on the heap, of which nothing survives
	}
	dir, rng := t.TempDir(), seeded(t)
	acked := frame.Pos(0)
	for life := 1; life <= crashTimes(8); life++ {
		if life%4 == 0 {
			acked = runVictim(t, dir, life, math.MaxInt, time.Duration(rng.IntN(20_000_000)), acked) // maybe while it recovers
		} else {
			acked = runVictim(t, dir, life, 3+rng.IntN(20), time.Hour, acked)
		}
		a, err := victimArena(dir)
		if err != nil {
			t.Fatal(err)
		}
		l, report, err := a.Recover(LogConfig{Incarnation: 1 << 20, Sums: true}, acked+frame.HeaderLen)
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

// runVictim kills a victim once it has acknowledged some positions, or some time after its start, and returns the last position that it, or
// one before it, acknowledged.
func runVictim(t *testing.T, dir string, life, acks int, lifetime time.Duration, acked frame.Pos) frame.Pos {
	t.Helper()
	v := part("victim", dir, life)
	out, err := v.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := v.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := v.Start(); err != nil {
		t.Fatal(err)
	}
	death := time.AfterFunc(lifetime, func() { _ = v.Process.Kill() })
	defer death.Stop()
	lines := bufio.NewScanner(out)
	for ; lines.Scan(); acks-- { // to the end: the victim may have written more before it died
		if acks == 0 {
			if err := v.Process.Kill(); err != nil {
				t.Error(err)
			}
		} else if acks%8 == 1 {
			inspectAlive(dir)
		}
		pos, err := strconv.ParseUint(lines.Text(), 10, 64)
		if err != nil {
			t.Errorf("victim: %s", lines.Text())
		}
		acked = frame.Pos(pos)
	}
	_ = v.Wait() // "signal: killed"
	return acked
}
