package control

import (
	"slices"
	"testing"

	"github.com/streamscope/streamscope/ringlog/frame"
)

func TestMarks(t *testing.T) {
	d := running(t, 2)
	d.report(0, 5)
	d.wait(100)
	d.want("not all sources have reported", "")
	d.report(1, 7)
	d.wait(0)
	d.wait(50)
	d.want("first", "mark0:16 mark1:16")
	d.wait(50)
	d.want("second", "mark0:25 mark1:25")
	d.wait(50)
	d.want("two are under way", "")
	d.lose(0)
	if a := d.last["control.Start"].(Start).Assignment; !slices.Equal(a.Marks, []frame.Tick{16, 25}) {
		t.Errorf("assignment %+v", a)
	}
	d.took()
	d.report(0, 30, 16, 25)
	d.step(Reported{From: d.from(1), Executed: []frame.Tick{30, 30}, Opened: 30, Missed: 25})
	d.wait(50)
	d.want("missed twice: four times as far ahead", "mark0:63 mark1:63")
	d.step(Reported{From: d.from(1), Executed: []frame.Tick{70, 70}, Opened: 70, Unsaved: []Unsaved{{Saved{0, 63}, "full"}, {Saved{1, 63}, "full"}}})
	d.report(0, 70, 63)
	d.took()
	d.wait(50)
	d.want("one could not be saved", "mark0:103 mark1:103")
	if u := d.m.stats().Recovery.Unsaved; len(u) != 2 || u[0] != (UnsavedUnit{Unit{0, 1}, 63, "full"}) {
		t.Errorf("unsaved %+v", u)
	}
}

// TestMarkOfAnEarlierLife has a worker restart behind a mark that is still open: that is no reason to send the next one further ahead.
func TestMarkOfAnEarlierLife(t *testing.T) {
	d := running(t, 1)
	d.report(0, 7)
	d.wait(50)
	d.want("first", "")
	d.wait(50)
	d.want("first", "mark0:16")
	d.step(Reported{From: d.from(0), Executed: []frame.Tick{20, 20}, Opened: 20, Saved: []Saved{{1, 16}}})
	d.lose(0)
	d.step(Reported{From: d.from(0), Executed: []frame.Tick{17, 17}, Opened: 20, Missed: 16})
	d.took()
	d.wait(50)
	d.want("second", "mark0:29")
}

// TestPace opens so many ticks between two looks that a slack of a few would always be too little.
func TestPace(t *testing.T) {
	k := newMarks(10*windowNs, 0)
	now, opened := TimeNs(1), frame.Tick(100)
	for range 10 {
		if got := k.next(now, opened); got != 0 {
			t.Fatalf("a mark at %d before its time", got)
		}
		now, opened = now+windowNs, opened+1000
	}
	if got, want := k.next(now, opened), opened+1000+slackStart+1; got != want {
		t.Errorf("got mark %d, want %d", got, want)
	}
	k.settle(now, func(frame.Tick) (bool, bool) { return true, true })
	now += 10 * windowNs / sooner
	last := k.last
	if got, want := k.next(now, opened), last+2*slackStart+1; got != want {
		t.Errorf("a quarter of the interval after a miss, with nothing opened: got mark %d, want %d", got, want)
	}
	k.next(now+windowNs, frame.MaxTick-5)
	if k.pace > slackMax {
		t.Errorf("pace %d, want at most %d", k.pace, slackMax)
	}
}

func TestSlack(t *testing.T) {
	k := newMarks(1, 0)
	missed, want := true, uint64(slackStart)
	now := TimeNs(1)
	one := func() {
		for k.next(now, 0) == 0 {
			now++
		}
		if len(k.open) != 1 {
			t.Fatalf("open %d", k.open)
		}
		k.settle(now, func(frame.Tick) (bool, bool) { return true, missed })
	}
	for range 30 {
		one()
		if want = min(2*want, slackMax); k.slack != want {
			t.Fatalf("slack %d, want %d", k.slack, want)
		}
	}
	missed = false
	for i := range 100 {
		one()
		if (i+1)%goodMarks == 0 {
			want = max(want/2, slackMin)
		}
		if k.slack != want {
			t.Fatalf("slack %d, want %d", k.slack, want)
		}
	}
	if k.next(now+5, frame.MaxTick-3) != 0 {
		t.Error("a mark behind the end of ticks")
	}
}
