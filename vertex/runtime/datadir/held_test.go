package datadir

import (
	"testing"
	"time"

	"github.com/streamscope/streamscope/state/snapshot"
)

// What a restore of the newest image reads is the last full one and what follows it.
func TestHeldImages(t *testing.T) {
	d := &Dir{}
	d.held.images(2, []snapshot.Entry{{Tick: 3, Full: true, Bytes: 100}, {Tick: 5, Bytes: 10}, {Tick: 8, Full: true, Bytes: 70}, {Tick: 9, Bytes: 7}})
	d.held.images(0, nil)
	h := d.Held()
	if len(h.Units) != 2 || h.Units[0].Images != 0 || h.Units[1] != (HeldUnit{Stage: 2, Images: 4, ImageBytes: 187, NewestBytes: 77, First: 3, Last: 9}) {
		t.Errorf("held %+v", h)
	}
}

// Images that wait for others do not make writing look slow.
func TestHeldWriting(t *testing.T) {
	var k keeping
	begun := time.Now().Add(-time.Second)
	for range 100 {
		k.wrote(snapshot.Entry{Bytes: 3}, begun)
	}
	if k.written != 300 || k.writing < time.Second || k.writing > time.Since(begun) {
		t.Errorf("%d bytes in %v, of %v", k.written, k.writing, time.Since(begun))
	}
}
