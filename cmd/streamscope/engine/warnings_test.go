package engine

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/streamscope/streamscope/control"
)

func TestWarningsAreToldOnce(t *testing.T) {
	var w warnings
	for i := range warningsMax + 3 {
		w.add(fmt.Errorf("disk %d is full", i))
	}
	first := w.take()
	if len(first) != warningsMax+1 || first[0] != "disk 0 is full" || first[warningsMax] != "and 3 more warnings" {
		t.Fatalf("got %d warnings: %q", len(first), first)
	}
	if again := w.take(); len(again) != 0 {
		t.Fatalf("told again: %q", again)
	}
	w.add(errors.New("later"))
	if got := w.take(); len(got) != 1 || got[0] != "later" {
		t.Fatalf("got %q, want what came later alone", got)
	}
}

func TestWarningsReachTheLog(t *testing.T) {
	var said bytes.Buffer
	seen := 0
	observe := warned(slog.New(slog.NewTextHandler(&said, nil)), func(control.Event, []control.Effect) { seen++ })
	observe(control.Reported{Warnings: []string{"the disk is full"}}, nil)
	observe(control.Hello{Living: &control.Living{Reported: control.Reported{Warnings: []string{"it was full while nobody listened"}}}}, nil)
	observe(control.Hello{}, nil)
	for _, want := range []string{"the disk is full", "it was full while nobody listened"} {
		if strings.Count(said.String(), want) != 1 {
			t.Errorf("%q is not said once:\n%s", want, &said)
		}
	}
	if seen != 3 {
		t.Errorf("%d events observed, want 3", seen)
	}
}
