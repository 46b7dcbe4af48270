package snapshot

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

// script writes and trims snapshots and returns what each tick was, those that were reported to exist, and how far it came.
func script(t fataler, d *faultDisk) (values map[frame.Tick][]byte, exist []frame.Tick, trimmed frame.Tick, err error) {
	values = map[frame.Tick][]byte{}
	s, err := openDir(d, "/d")
	if err != nil {
		return values, nil, 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	c, err := OpenChain(Config{Store: s, Job: 9, Task: 3, FullEvery: 2})
	if err != nil {
		return values, nil, 0, err
	}
	k := newTask(t)
	for tick := frame.Tick(1); tick <= 4; tick++ {
		k.execute(t, tick, 20)
		values[tick] = k.value()
		if _, err := k.snap(t, c, tick); err != nil {
			return values, exist, trimmed, err
		}
		exist = append(exist, tick)
		if tick == 3 {
			trimmed = 3
			if err := c.Trim(3); err != nil {
				return values, exist, trimmed, err
			}
		}
	}
	return values, exist, trimmed, nil
}

// wantConsistent checks that what was reported exists, that all that exists loads, and that the chain goes on.
func wantConsistent(t fataler, d *faultDisk, values map[frame.Tick][]byte, exist []frame.Tick, trimmed frame.Tick) {
	t.Helper()
	s, err := openDir(d, "/d")
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer func() { _ = s.Close() }() // a disk in memory
	c := openTask(t, s, 2)
	for _, tick := range exist {
		if _, ok := c.manifest.find(tick); !ok && tick >= trimmed {
			t.Fatalf("the snapshot of tick %d is gone", tick)
		}
	}
	var k *task
	last := frame.Tick(0)
	for _, e := range c.Snapshots() {
		k, last = wantLoads(t, s, e.Tick, values[e.Tick]), e.Tick
	}
	if last > frame.Tick(len(exist)+1) {
		t.Fatalf("the snapshot of tick %d exists, %d were reported", last, len(exist))
	}
	if k == nil {
		k = newTask(t)
	}
	k.execute(t, 10, 20)
	if _, err := k.snap(t, c, 10); err != nil {
		t.Fatalf("the chain does not go on: %v", err)
	}
	wantLoads(t, s, 10, k.value())
	for n := range d.files {
		if strings.Contains(n, tempPrefix) {
			t.Fatalf("%s was left over", n)
		}
	}
}

func TestCrashAtEveryStep(t *testing.T) {
	whole := newFaultDisk()
	if _, _, _, err := script(t, whole); err != nil {
		t.Fatal(err)
	}
	for stop := 1; stop <= whole.steps; stop++ {
		for seed := range uint64(6) {
			t.Run(fmt.Sprintf("step%d/seed%d", stop, seed), func(t *testing.T) {
				d := newFaultDisk()
				d.stop, d.fault = stop, errCrash
				values, exist, trimmed, err := script(t, d)
				if !errors.Is(err, errCrash) {
					t.Fatalf("after a crash: %v", err)
				}
				wantConsistent(t, d.crash(rand.New(rand.NewPCG(seed, uint64(stop)))), values, exist, trimmed)
			})
		}
	}
}

// A disk that is full for one step, or read-only from a step on: the write fails, what there was stays, and the chain goes on later.
func TestFullAndReadOnlyDisk(t *testing.T) {
	whole := newFaultDisk()
	if _, _, _, err := script(t, whole); err != nil {
		t.Fatal(err)
	}
	for _, fault := range []error{syscall.ENOSPC, syscall.EROFS} {
		for stop := 1; stop <= whole.steps; stop++ {
			d := newFaultDisk()
			d.stop, d.fault = stop, fault
			values, exist, trimmed, err := script(t, d)
			if err != nil && !errors.Is(err, fault) {
				t.Fatalf("%v at step %d was reported as %v", fault, stop, err)
			}
			if err == nil && fault == syscall.EROFS {
				t.Fatalf("a read-only disk from step %d on went unnoticed", stop)
			}
			d.stop = 0
			wantConsistent(t, d, values, exist, trimmed)
		}
	}
}
