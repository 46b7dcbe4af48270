package vertextest

import (
	"bytes"
	"fmt"

	"github.com/streamscope/streamscope/state"
	"github.com/streamscope/streamscope/vertex"
)

// frozenImage is what a vertex.Imager gave after a tick, to be looked at when it has gone on.
type frozenImage struct {
	small    []byte
	parts    []state.Part
	snapshot []byte // what GetSnapshot wrote at the same time
}

func takeImage(v vertex.Imager) (*frozenImage, error) {
	snapshot, err := snapshotOf(v)
	if err != nil {
		return nil, err
	}
	var w vertex.ImageWriter
	parts, err := v.Image(&w)
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	for i, p := range parts {
		if p.ID >= 1<<32 || i > 0 && parts[i-1].ID >= p.ID {
			return nil, fmt.Errorf("image: part %d of %d has id %d, want rising ones below 2^32", i, len(parts), p.ID)
		}
	}
	return &frozenImage{w.Image(), parts, snapshot}, nil
}

// load stores the image, releases it, and makes a vertex of what was stored: the one that a load of the snapshot would have made.
func (im *frozenImage) load(c Case) (vertex.Vertex, error) {
	stored, err := state.CopyParts(im.parts)
	state.ReleaseParts(im.parts)
	if err != nil {
		return nil, err
	}
	if len(stored) > 0 && c.New().(vertex.Imager).LoadImage(&reader{b: im.small}, stored[1:]) == nil {
		return nil, fmt.Errorf("an image of %d parts is loaded without complaint when the first is missing", len(stored))
	}
	v := c.New()
	r := &reader{b: im.small}
	if err := v.(vertex.Imager).LoadImage(r, stored); err != nil {
		return nil, err
	}
	if r.err != nil || len(r.b) != 0 {
		return nil, fmt.Errorf("%d of %d bytes were not read: %v", len(r.b), len(im.small), r.err)
	}
	again, err := snapshotOf(v)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, im.snapshot) {
		return nil, fmt.Errorf("the snapshot then is another one: %d bytes, want %d", len(again), len(im.snapshot))
	}
	return v, nil
}

// reimage takes the vertex through an image; the new instance goes on every other time.
func (d *driver) reimage() error {
	v, ok := d.v.(vertex.Imager)
	if !ok {
		return nil
	}
	im, err := takeImage(v)
	if err != nil {
		return err
	}
	loaded, err := im.load(d.c)
	if err != nil {
		return fmt.Errorf("load of an image: %w", err)
	}
	if d.rng.IntN(2) == 0 {
		d.v = loaded
	}
	return nil
}

// freeze checks that the image of the tick before is still what it was, and takes the next one.
func (d *driver) freeze(last bool) error {
	v, ok := d.v.(vertex.Imager)
	if !ok || d.shape.restore || d.shape.tight {
		return nil
	}
	before := d.frozen
	d.frozen = nil
	if !last {
		var err error
		if d.frozen, err = takeImage(v); err != nil {
			return err
		}
	}
	if before == nil {
		return nil
	}
	if _, err := before.load(d.c); err != nil {
		return fmt.Errorf("load of an image that was stored a tick later: %w", err)
	}
	return nil
}
