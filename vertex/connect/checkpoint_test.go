package connect

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// noted collects the answers to checkpoints, by their number. Sinks answer one at a time.
type noted struct{ got []string }

func (n *noted) answer(i int) func([]byte, error) {
	return func(position []byte, err error) {
		text := fmt.Sprint(err)
		if err == nil {
			at, e := parseOutPosition("out", "", position)
			text = fmt.Sprint(at.at, at.own, e)
		}
		n.got = append(n.got, fmt.Sprint(i, ": ", text))
	}
}

// Checkpoints return at once, whether the sink is busy or not, and are answered once each, in order, when it is dropped.
func TestCheckpointsOfABusySink(t *testing.T) {
	for _, leave := range []bool{false, true} {
		out, r := pipe(t)
		sink, _ := openNumbers(t, out)
		for ok := true; ok; {
			var err error
			if ok, err = sink.Write(thousand()); err != nil {
				t.Fatal(err)
			}
		}
		var n noted
		for i := range 10 {
			sink.Checkpoint(n.answer(i))
		}
		if leave {
			sink.Leave()
		} else {
			sink.Abort()
		}
		var want []string
		for i := range 10 {
			want = append(want, fmt.Sprint(i, ": ", errStopped))
		}
		if !slices.Equal(n.got, want) {
			t.Errorf("leave %v: got %q, want %q", leave, n.got, want)
		}
		r.Close()
	}
}

// On standard output a position is a number of rows, and who goes on there writes no header.
func TestStandardOutputGoesOn(t *testing.T) {
	out, r := pipe(t)
	defer r.Close()
	out.kept, out.again = 70, true
	sink, woken := openNumbers(t, out)
	var n noted
	sink.Checkpoint(n.answer(0))
	if ok, err := sink.Write(thousand()); !ok || err != nil {
		t.Fatal(ok, err)
	}
	sink.Checkpoint(n.answer(1))
	if _, err := drive(sink, woken, 0); err != nil {
		t.Fatal(err)
	}
	if want := []string{"0: 70 [] <nil>", "1: 1070 [] <nil>"}; !slices.Equal(n.got, want) {
		t.Errorf("got %q, want %q", n.got, want)
	}
	text, err := io.ReadAll(r)
	if err != nil || string(text) != strings.Repeat("0\n", 1000) {
		t.Errorf("got %.20q and more, %v", text, err)
	}
}

// What cannot be written or made durable is answered with the reason, and so is all behind it; nothing is finished.
func TestCheckpointsThatFail(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	unsynced, r := pipe(t) // a pipe takes writes, but not fsync
	go io.Copy(io.Discard, r)
	defer r.Close()
	for want, f := range map[error]*os.File{unix.ENOSPC: full, unix.EINVAL: unsynced.f} {
		sink, woken := openNumbers(t, &Output{Final: "out.csv", Temp: t.TempDir() + "/temp", f: f})
		var n noted
		sink.Checkpoint(n.answer(0))
		sink.Checkpoint(n.answer(1))
		if _, err := drive(sink, woken, 0); !errors.Is(err, want) {
			t.Errorf("finish: got %v, want %v", err, want)
		}
		text := "out.csv: cannot write: " + want.Error()
		if all := []string{"0: " + text, "1: " + text}; !slices.Equal(n.got, all) {
			t.Errorf("got %q, want %q", n.got, all)
		}
		sink.Abort()
	}
}
